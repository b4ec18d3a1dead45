"""A log file that several processes append to, and that any of them rotates.

Every batch opens the file anew, so nobody goes on with one that another has put aside. Who rotates
or compresses holds a lock meanwhile. Who would rotate and does not get it leaves it be: the next
batch comes soon. Who compresses waits for it, as nobody else might come.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from webqx_supervisor.model.accesslog import AccessLog
from webqx_supervisor.model.service import Logs
from webqx_supervisor.process.logfile import LogFile
from webqx_supervisor.process.packing import Packer


class SharedLogFile:
    """Appends to `path`; `clock` gives Unix time."""

    def __init__(
        self,
        path: Path,
        policy: AccessLog,
        packer: Packer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._policy = policy
        self._packer = packer
        self._clock = clock
        self._lock = path.with_name(f".{path.name}.lock")
        """Its time of change is when the present file was begun."""
        self._file = LogFile(
            path,
            Logs(
                max_size=policy.max_size,
                keep=policy.keep,
                compress=policy.compress,
                keep_for=policy.keep_for,
            ),
            clock,
            lambda _: packer.ask(self),
        )

    def append(self, lines: bytes) -> None:
        """Append whole lines, and rotate if that is due. Raises OSError."""
        if self._policy.max_age and self._is_aged():
            self._rotate(self._is_aged)
        with self.path.open("ab", buffering=0) as file:
            file.write(lines)
            size = os.fstat(file.fileno()).st_size
        if size >= self._policy.max_size:
            self._rotate(self._is_full)

    def pack(self, interrupted: Callable[[], bool]) -> None:
        """Compress what was put aside; called by the thread that does that. Raises OSError."""
        with self._held(wait=True):
            self._file.pack(interrupted)

    def _rotate(self, is_due: Callable[[], bool]) -> None:
        with self._held() as held:
            if held and is_due():  # another process may just have done it
                self._file.rotate()
                os.utime(self._lock, (self._clock(), self._clock()))

    def _is_full(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return self.path.stat().st_size >= self._policy.max_size
        return False

    def _is_aged(self) -> bool:
        age = self._policy.max_age
        try:
            began, size = self._lock.stat().st_mtime, self.path.stat().st_size
        except FileNotFoundError:
            with self._held():  # from now on
                pass
            return False
        return bool(size) and self._clock() // age > began // age

    @contextlib.contextmanager
    def _held(self, wait: bool = False) -> Iterator[bool]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        lock = os.open(self._lock, flags, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                held = True
            except BlockingIOError:
                held = False
            yield held
        finally:
            os.close(lock)
