"""Compress rotated log files, in a thread of its own that steps back behind all others.

A packed file is gzip's, and says in its header which file it was made of: so a reader that has the
unpacked one open still finds its place among the files.
"""

import contextlib
import gzip
import os
import sys
import threading
from collections.abc import Callable
from typing import Protocol

BLOCK = 256 * 1024
LEVEL = 6
_NICE = 10
_HEAD = 10  # RFC 1952, section 2.3: the fixed part, then the name, ended by NUL
_LONGEST_NAME = 512


class Packable(Protocol):
    """A log that has old files."""

    def pack(self, interrupted: Callable[[], bool]) -> None:
        """Compress what is to be compressed, until done or interrupted. Raises OSError."""


class Packer:
    """The thread. A log waits in its queue once, however often it is asked for."""

    def __init__(self) -> None:
        self._due: dict[Packable, None] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def ask(self, log: Packable) -> None:
        """Have the old files of `log` compressed soon; returns at once."""
        with self._wake:
            self._due[log] = None
            if self._thread is None:  # most daemons never need one
                self._thread = threading.Thread(
                    target=self._run, name="log compression", daemon=True
                )
                self._thread.start()
            self._wake.notify()

    def close(self, wait: float) -> None:
        """End, amidst a file if need be; what is left is done after the next start."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(wait)

    def _run(self) -> None:
        if sys.platform == "linux":  # elsewhere a thread has no niceness of its own
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while log := self._next():
            with contextlib.suppress(OSError):  # a full disk, say: tried again at the next rotation
                log.pack(lambda: self._stopping)

    def _next(self) -> Packable | None:
        with self._wake:
            self._wake.wait_for(lambda: self._due or self._stopping)
            if self._stopping:
                return None
            log = next(iter(self._due))
            del self._due[log]
            return log


def pack(source: int, target: int, interrupted: Callable[[], bool]) -> bool:
    """Compress one open file into another, keeping its times; return whether it is whole."""
    seen = os.fstat(source)
    with (
        os.fdopen(os.dup(target), "wb") as raw,
        gzip.GzipFile(str(seen.st_ino), "wb", LEVEL, raw, mtime=seen.st_mtime) as packed,
    ):
        place = 0
        while block := os.pread(source, BLOCK, place):
            if interrupted():
                return False
            packed.write(block)
            place += len(block)
    os.utime(target, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    return True


def packed_of(file: int) -> int:
    """Return the inode of the file that this one was made of; 0 for anything else."""
    head = os.pread(file, _LONGEST_NAME, 0)
    name = head[_HEAD:].partition(b"\0")[0]
    return int(name) if head.startswith(b"\x1f\x8b") and name.isdigit() else 0
