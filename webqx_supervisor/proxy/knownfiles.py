"""Small files that were asked for lately: one stat(2) shows whether they are still the same."""

import os
from collections.abc import Hashable
from dataclasses import dataclass, replace

LONGEST = 64 * 1024
"""Octets of a file that is kept."""
MOST = 1024
"""Files, and octets of all of them, that one route keeps; beyond, it forgets all."""
MOST_OCTETS = 4 * 1024 * 1024
AGAIN = 1.0
"""s for which a name is taken to mean the same file: a sibling, or an index, may have come."""
SETTLED_NS = 2 * 10**9
"""ns for which a file has not been changed: two changes in one tick of its clock look like one."""


@dataclass(slots=True)
class Answerable:
    """A file and what is said of it. `body` holds its octets, else `fd` is open for reading."""

    etag: bytes
    modified: int
    size: int
    content_type: bytes
    encoded: bool
    lines: bytes
    fd: int = -1
    body: bytes | None = None


@dataclass(slots=True)
class _Known:
    answerable: Answerable
    path: bytes
    identity: tuple[int, int, int, int, int]
    until: float


class KnownFiles:
    """Those of one route; a key is all that decides which file a request gets."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Known] = {}
        self._octets = 0

    def find(self, key: Hashable, now: float) -> Answerable | None:
        """Return what is known, if nothing has changed; `now` is the reactor's time."""
        known = self._known.get(key)
        if known is None:
            return None
        if known.until > now:
            try:
                if _identity(os.stat(known.path)) == known.identity:  # noqa: PTH116 - octets
                    return known.answerable
            except OSError:
                pass
        self._octets -= known.answerable.size
        del self._known[key]
        return None

    def keep(self, key: Hashable, found: Answerable, path: bytes, now: float, clock: int) -> None:
        """Remember a file that is open, if it is small and has been left alone for a while.

        `clock` is the time in ns. Its octets are read here; whoever sends them needs no `fd`.
        """
        if found.size > LONGEST:
            return
        info = os.fstat(found.fd)
        if clock - max(info.st_mtime_ns, info.st_ctime_ns) < SETTLED_NS:
            return
        body = os.pread(found.fd, found.size, 0)
        if len(body) != found.size:
            return
        if len(self._known) >= MOST or self._octets + found.size > MOST_OCTETS:
            self._known.clear()
            self._octets = 0
        found.body = body
        kept = replace(found, fd=-1)
        self._known[key] = _Known(kept, path, _identity(info), now + AGAIN)
        self._octets += found.size


def _identity(info: os.stat_result) -> tuple[int, int, int, int, int]:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
