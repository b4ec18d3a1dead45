"""Where a proxy writes who accessed what: a spool of its own, from which the daemon takes it.

A record is written when its exchange ends, with write(2) and not in batches: so the death of this
process takes none of those that are over. The daemon brings them into the chain, and to the disk,
once a second.
"""

import fcntl
import logging
import os
from collections import deque
from pathlib import Path

from webqx_supervisor.model.audit import SPOOLS
from webqx_supervisor.net.reactor import Reactor

SEGMENT = 1024 * 1024
"""Octets from which the next file is begun."""
MOST_SEGMENTS = 64
"""Files that may wait for the daemon; beyond, nothing can be recorded."""
MOST_HELD = 10_000
"""Records that are held in memory while they cannot be written."""
RETRY = 1.0

_LOG = logging.getLogger(__name__)


class Spool:
    """The spool of one process. `failing`: what is to be recorded now may be lost."""

    def __init__(self, reactor: Reactor, folder: Path, mark: str) -> None:
        self.failing = False
        self._folder = folder / SPOOLS
        self._mark = mark
        self._reactor = reactor
        self._fd = -1
        self._number = 0
        self._size = 0
        self._held: deque[bytes] = deque()
        self._lost = 0

    def write(self, line: bytes) -> None:
        """Record a line, with its end. One that cannot be written now is held and tried again."""
        if self._held or self._lost:
            self._hold(line)
            return
        try:
            self._append(line)
        except OSError as error:
            self._hold(line)
            self.failing = True
            _LOG.warning("audit: nothing can be recorded: %s", error.strerror or error)
            self._reactor.spawn(self._try_again())

    def close(self) -> None:
        """Write what is held, if it goes now, and let go of the file."""
        self._write_held()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _hold(self, line: bytes) -> None:
        if len(self._held) < MOST_HELD:
            self._held.append(line)
        else:
            self._lost += 1

    async def _try_again(self) -> None:
        while not self._write_held():
            await self._reactor.sleep(RETRY)
        self.failing = False
        _LOG.warning("audit: records are written again")

    def _write_held(self) -> bool:
        """Return whether all could be written."""
        try:
            while self._held:
                self._append(self._held[0])
                self._held.popleft()
            if self._lost:
                self._append(b'{"kind":"lost","count":%d,"proxy":%d}\n' % (self._lost, os.getpid()))
                self._lost = 0
        except OSError:
            return False
        return True

    def _append(self, line: bytes) -> None:
        """Write a line whole or not at all. Raises OSError."""
        if self._fd < 0 or self._size >= SEGMENT or not os.fstat(self._fd).st_nlink:
            self._begin()
        written = 0
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += written

    def _begin(self) -> None:
        number = self._number + 1
        if number > MOST_SEGMENTS and self._path(number - MOST_SEGMENTS).exists():
            raise OSError("the daemon has not taken the records of a long time")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        unlocked = self._path(number).with_suffix(".new")
        fd = os.open(unlocked, flags, 0o600)
        try:
            # As long as it is held, and so before it has its name, nobody takes it for abandoned.
            fcntl.flock(fd, fcntl.LOCK_SH)
            unlocked.rename(self._path(number))
        except OSError:
            os.close(fd)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._number, self._size = fd, number, 0

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._mark}-{number:06}.jsonl"
