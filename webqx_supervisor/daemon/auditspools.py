"""What proxies have recorded and the chain does not hold yet: their spools, read in batches.

A proxy appends each record to a file of its own, so that its death costs none; the daemon takes
them into the chain, with the number that each line has in its spool, so that the daemon's death
doubles none. A spool is removed once all of it is in the chain and nobody will write to it.
"""

import fcntl
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = ("access", "lost")
"""What a proxy may record."""
OURS = frozenset(("seq", "prev", "hash", "from", "sealed"))
"""Keys that the chain gives."""
MOST = 4096
"""Records of one batch."""

_NAME = re.compile(r"([0-9a-f]+)-([0-9]{6})\.jsonl")


@dataclass(frozen=True, slots=True)
class Batch:
    """Records, oldest first for each proxy; `done` is how far that reads each spool."""

    records: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    """Spools that may be removed once these records are in the chain."""


class Spools:
    """The spools in a folder; used by one thread at a time. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, tuple[int, int]] = {}  # octets, and the lines that they are

    def read(self, done: Mapping[str, int]) -> Batch:
        """Return what has come; `done` is how many lines of each spool are in the chain."""
        batch = Batch()
        for name in self.names():
            if len(batch.records) >= MOST:
                break
            self._read(name, done.get(name, 0), batch)
        return batch

    def remove(self, names: list[str]) -> None:
        """Remove spools that are finished."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
            self._places.pop(name, None)

    def names(self) -> list[str]:
        """Return the names of all that there are."""
        try:
            return sorted(name for name in os.listdir(self._folder) if _NAME.fullmatch(name))  # noqa: PTH208
        except FileNotFoundError:
            return []

    def _read(self, name: str, done: int, batch: Batch) -> None:
        path = self._folder / name
        with path.open("rb") as file:
            # Asked before it is read: whatever was written by then is read now.
            complete = self._has_successor(name) or _is_abandoned(file.fileno())
            octets, number = self._places.get(name, (0, 0))
            if number != done:  # a new daemon, or a batch that did not come into the chain
                octets, number = 0, 0
            file.seek(octets)
            while len(batch.records) < MOST:
                line = file.readline()
                if not line.endswith(b"\n"):
                    if complete and line:
                        batch.records.append(_torn(name, line))
                    if complete:
                        batch.finished.append(name)
                    break
                number, octets = number + 1, octets + len(line)
                if number > done:
                    batch.records.append({**_record(line), "from": f"{name}:{number}"})
        self._places[name] = octets, number
        batch.done[name] = number

    def _has_successor(self, name: str) -> bool:
        found = _NAME.fullmatch(name)
        assert found is not None, "it comes from names()"
        return (self._folder / f"{found[1]}-{int(found[2]) + 1:06}.jsonl").exists()


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
        if isinstance(record, dict) and record.get("kind") in KINDS and not OURS & record.keys():
            return record
    except ValueError:
        pass
    return _torn("", line)


def _torn(name: str, line: bytes) -> dict[str, Any]:
    text = line[:4096].decode("utf-8", "replace").rstrip("\n")
    return {"kind": "unreadable", "spool": name, "text": text}


def _is_abandoned(fd: int) -> bool:
    """Say whether the proxy that writes this spool is gone: it holds a lock as long as it lives."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
