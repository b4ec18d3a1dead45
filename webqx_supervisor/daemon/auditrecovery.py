"""How a chain of audit records stands after whatever ended the daemon before: a stop, a power loss.

What head.json counts must be there; what comes behind it must follow on it, and may end in a torn
line. All else was meddled with, which is for `webqx-sv audit verify` to find line by line; here it
is only noted, so that the next file can say since when.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webqx_supervisor.core import audit
from webqx_supervisor.core.audit import Mark
from webqx_supervisor.process import auditfiles

KEPT = 4096
"""Octets of a torn line that are kept in the record that tells of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where to go on: at `size` octets of `file`; behind that stands only `torn`."""

    mark: Mark = field(default_factory=Mark)
    file: str = ""
    size: int = 0
    begin: Mapping[str, Any] = field(default_factory=dict)
    """What the first record of the file says."""
    spools: Mapping[str, int] = field(default_factory=dict)
    state: str = ""
    torn: bytes = b""
    broken: str = ""
    """Why the chain cannot simply go on."""


def recover(folder: Path, key: bytes | None) -> Found:
    """Find the end of the chain in a folder. Raises OSError."""
    names = auditfiles.files(folder)
    try:
        remembered = _remembered(folder, key, names)
    except ValueError as error:
        return _broken(folder, names, f"{auditfiles.HEAD}: {error}")
    if remembered is None:
        if names:
            return _broken(folder, names, f"{auditfiles.HEAD} is missing")
        return Found()
    mark, fields = remembered
    spools, state = dict(fields.get("spools") or {}), str(fields.get("state", ""))
    file, size = str(fields.get("file", "")), int(fields.get("size", 0))
    known = Found(mark, file, size, {}, spools, state)
    if file and file not in names:
        return _broken(folder, names, f"{file} is missing", known)
    for name in names[names.index(file) :] if file else names:
        try:
            known = _read_on(folder / name, size if name == file else 0, known, key)
        except ValueError as error:
            return _broken(folder, names, f"{name}: {error}", known)
    return known


def cut(path: Path, size: int) -> None:
    """Take off what stands behind the last whole line."""
    with path.open("r+b") as file:
        file.truncate(size)
        file.flush()
        os.fsync(file.fileno())


def _remembered(
    folder: Path, key: bytes | None, names: list[str]
) -> tuple[Mark, dict[str, Any]] | None:
    """Return what head.json says; one that was sealed under another key is taken as it is.

    Raises ValueError.
    """
    try:
        return auditfiles.read_head_file(folder, key)
    except ValueError:
        # A new key counts from the next file on: whether the old one was right, `verify` can say.
        first = _first(folder / names[-1]) if names else {}
        if first and first.get("key", "") != audit.key_id(key):
            return auditfiles.read_head_file(folder, None, trust=True)
        raise


def _read_on(path: Path, size: int, known: Found, key: bytes | None) -> Found:
    """Follow the chain to the end of a file. Raises ValueError where it breaks."""
    begin = _first(path)
    checked = begin.get("key", "") == audit.key_id(key)
    mark, spools, place = known.mark, dict(known.spools), size
    if not path.exists():  # packed: nothing was written to it any more
        return Found(mark, path.name, size, begin, spools, known.state)
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < size:
            raise ValueError("it is shorter than it was")
        file.seek(size)
        rest = file.read()
    while rest:
        line, end, after = rest.partition(b"\n")
        if not end:
            break
        try:
            entry = audit.read(line)
        except ValueError:
            if b"\0" in line:  # what a file system may leave of a write when the power goes
                break
            raise
        if (checked and not audit.is_genuine(entry, key)) or entry.prev != mark.hash:
            raise ValueError(f"record {entry.seq} does not follow on record {mark.seq}")
        mark, place, rest = Mark(entry.seq, entry.hash), place + len(line) + 1, after
        spool, colon, number = str(entry.fields.get("from", "")).rpartition(":")
        if colon:
            spools[spool] = int(number)
    return Found(mark, path.name, place, begin, spools, known.state, torn=rest)


def _first(path: Path) -> dict[str, Any]:
    """Return what the first record of a file says; nothing if that cannot be read."""
    try:
        line = next(auditfiles.lines(path), b"")
        return audit.read(line.rstrip(b"\n")).fields
    except (ValueError, *auditfiles.DAMAGES):
        return {}


def _broken(folder: Path, names: list[str], reason: str, known: Found | None = None) -> Found:
    """Return where a new file may go on: behind the last record that anybody has heard of."""
    known = known or Found()
    mark = known.mark
    for name in names[-1:]:
        try:
            for line in auditfiles.lines(folder / name):
                try:
                    entry = audit.read(line.rstrip(b"\n"))
                except ValueError:
                    continue
                if entry.seq > mark.seq:
                    mark = Mark(entry.seq, entry.hash)
        except auditfiles.DAMAGES:
            pass
    return Found(mark, spools=known.spools, state=known.state, broken=reason)
