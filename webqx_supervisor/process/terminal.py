"""A terminal for a worker that wants one, pty(7), and those who look at it.

The daemon has the master: what the worker shows is read by the output thread, which puts it into
the log and before every viewer; what a person types is written by trio. A new daemon gets the
master from the fd store, so that the worker never sees its terminal hang up.
"""

import contextlib
import fcntl
import os
import struct
import termios
import threading
from collections.abc import Iterator

from webqx_supervisor.process.subscription import Subscription

ROWS, COLUMNS = 24, 80
"""The size until somebody attaches."""
RECENT = 8 * 1024
"""Bytes that a new viewer gets of what was shown before: the prompt that waits for an answer."""
BEHIND = 1024 * 1024
"""Bytes that a viewer may be behind; then it misses some, as the worker must not wait for it."""
_SIZE = struct.Struct("HHHH")  # struct winsize of ioctl_tty(2)


def opened() -> tuple[int, int]:
    """Return master and slave of a new terminal. Raises OSError."""
    master, slave = os.openpty()
    _resize(slave, ROWS, COLUMNS)
    return master, slave


class Viewer:
    """One who looks on. `show` and `end` are called by any thread, `next` by a task of trio."""

    def __init__(self) -> None:
        self._news = Subscription()
        self._lock = threading.Lock()
        self._shown = b""
        self._ended = False

    def show(self, chunk: bytes) -> None:
        """Take in what the worker has shown."""
        with self._lock:
            self._shown = (self._shown + chunk)[-BEHIND:]
        self._news.tell()

    def end(self) -> None:
        """Take in that there will be no more."""
        with self._lock:
            self._ended = True
        self._news.tell()

    async def next(self) -> bytes:
        """Return what has come since, b"" at the end."""
        while True:
            with self._lock:
                shown, self._shown = self._shown, b""
                ended = self._ended
            if shown or ended:
                return shown
            await self._news.wait()


class Terminal:
    """The master's side. The descriptor is the output thread's, which says when it is closed."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd
        self._lock = threading.Lock()
        self._recent = b""
        self._viewers: tuple[Viewer, ...] = ()

    def show(self, chunk: bytes) -> None:
        """Put before every viewer what the worker has shown."""
        with self._lock:
            self._recent = (self._recent + chunk)[-RECENT:]
            viewers = self._viewers
        for viewer in viewers:
            viewer.show(chunk)

    def close(self) -> None:
        """Let go of the descriptor, before it is closed."""
        with self._lock:
            self._fd = None
            viewers = self._viewers
        for viewer in viewers:
            viewer.end()

    @contextlib.contextmanager
    def watched(self) -> Iterator[Viewer]:
        """Give something that shows all from now on, and the last before."""
        viewer = Viewer()
        with self._lock:
            viewer.show(self._recent)
            self._viewers = (*self._viewers, viewer)
            if self._fd is None:
                viewer.end()
        try:
            yield viewer
        finally:
            with self._lock:
                self._viewers = tuple(each for each in self._viewers if each is not viewer)

    def type(self, keys: bytes) -> int:
        """Give the worker what a person types; return how many bytes of it there was room for."""
        with self._lock, contextlib.suppress(OSError):  # full, or its process has just ended
            return os.write(self._fd, keys) if self._fd is not None else 0
        return 0

    def resize(self, rows: int, columns: int) -> None:
        """Tell the worker how large the screen is; SIGWINCH comes with a change."""
        with self._lock:
            if self._fd is not None:
                _resize(self._fd, rows, columns)


def _resize(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, _SIZE.pack(rows, columns, 0, 0))
