"""A hold on one process: what is sent or awaited here never reaches the pid's next owner.

On Linux that is a pidfd (pidfd_open(2)). Where there is none, or no file descriptor is left
for one, start times are compared, and the exit is looked for every POLL_INTERVAL seconds.
"""

import contextlib
import os
import signal
import sys
from typing import Self

import trio

from webqx_supervisor.process.identity import Identity, alive

POLL_INTERVAL = 0.5
_SYS_PIDFD_GETFD = 438  # the same on every architecture that CPython is built for on Linux


class Handle:
    """Signals one process and awaits its end. `wait` serves one task at a time."""

    def __init__(self, identity: Identity, pidfd: int | None = None) -> None:
        self.identity = identity
        self._pidfd = pidfd

    def __repr__(self) -> str:
        how = "polled" if self._pidfd is None else f"pidfd {self._pidfd}"
        return f"<Handle {self.identity.pid}, {how}>"

    @classmethod
    def open(cls, identity: Identity) -> Self | None:
        """Take hold of the process; None when it has ended."""
        handle = cls(identity, _pidfd(identity.pid))
        # Asked after the pidfd is there: whoever is alive now had the pid then, too.
        if alive(identity):
            return handle
        handle.close()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_signal(self, number: int) -> bool:
        """Send a signal; return False when the process has ended or is not ours to signal."""
        try:
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, number)
            elif alive(self.identity):
                os.kill(self.identity.pid, number)
            else:
                return False
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def copy_of(self, number: int) -> int | None:
        """Return a copy of one of its descriptors, pidfd_getfd(2); None where that cannot be."""
        if self._pidfd is None:
            return None
        import ctypes  # noqa: PLC0415 - seldom wanted, and a megabyte

        copy: int = ctypes.CDLL(None).syscall(_SYS_PIDFD_GETFD, self._pidfd, number, 0)
        return copy if copy >= 0 else None

    async def wait(self) -> None:
        """Return when the process has ended; it may still be a zombie then."""
        if self._pidfd is not None:
            await trio.lowlevel.wait_readable(self._pidfd)
            return
        while alive(self.identity):  # noqa: ASYNC110 - no event exists without a pidfd
            await trio.sleep(POLL_INTERVAL)

    def close(self) -> None:
        """Let go. Idempotent."""
        pidfd, self._pidfd = self._pidfd, None
        if pidfd is not None:
            os.close(pidfd)


def _pidfd(pid: int) -> int | None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # gone, an old kernel, a sandbox, no descriptor left
            return os.pidfd_open(pid)
    return None
