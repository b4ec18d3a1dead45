"""The files of an audit log in their folder, for the daemon that writes and the CLI that reads.

A file is called after the first record in it, `audit-000000000001.jsonl`, and keeps its name for
good; it may be packed into `.jsonl.gz`. `head.json` says how far the chain has come.
"""

import contextlib
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from webqx_supervisor.core.audit import Finding, Mark, Place, Verifier, read_head

HEAD = "head.json"
DAMAGES = (OSError, EOFError, zlib.error)
"""What reading a file may end in that somebody has damaged, if it is packed."""
PACKED = ".gz"

_NAME = re.compile(r"audit-([0-9]{12})\.jsonl")
_LONGEST_LINE = 16 * 1024 * 1024


def name_of(seq: int) -> str:
    """Return the name of the file whose first record has this number."""
    return f"audit-{seq:012}.jsonl"


def files(folder: Path) -> list[str]:
    """Return the names of the files, the oldest first, as if none was packed."""
    with contextlib.suppress(FileNotFoundError):
        names = {each.removesuffix(PACKED) for each in os.listdir(folder)}  # noqa: PTH208 - names only
        return sorted(name for name in names if _NAME.fullmatch(name))
    return []


def first_of(name: str) -> int:
    """Return the number of the first record of a file."""
    found = _NAME.fullmatch(name)
    assert found is not None, "it comes from files()"
    return int(found[1])


def packed(path: Path) -> Path:
    """Return the name of a file once it is packed."""
    return path.with_name(path.name + PACKED)


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, packed or not, with their ends. Raises DAMAGES."""
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except FileNotFoundError:
        with gzip.open(packed(path), "rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line


def read_head_file(
    folder: Path, key: bytes | None, *, trust: bool = False
) -> tuple[Mark, dict[str, Any]] | None:
    """Return what head.json says, None where there is none. Raises ValueError, OSError.

    With `trust` it is not asked whether it was changed.
    """
    try:
        text = (folder / HEAD).read_bytes()
    except FileNotFoundError:
        return None
    return read_head(text, key, trust=trust)


def walk(folder: Path, verifier: Verifier) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Have every line judged, oldest first; yield those that can be read, as they come."""
    names = files(folder)
    for name in names:
        verifier.begin_file()
        number = 0
        try:
            for number, line in enumerate(lines(folder / name), 1):
                place = Place(name, number)
                if not line.endswith(b"\n"):
                    last = name == names[-1]
                    verifier.torn(place, last=last)
                    if last:
                        continue
                entry = verifier.take(place, line.rstrip(b"\n"))
                if entry is not None:
                    yield place, {"seq": entry.seq, **entry.fields, "prev": entry.prev}
        except DAMAGES as error:
            if isinstance(error, FileNotFoundError) and not verifier.records:
                continue  # just removed for its age: a later record tells of it
            place = Place(name, number + 1)
            verifier.findings.append(Finding(place, f"cannot be read: {error}"))
