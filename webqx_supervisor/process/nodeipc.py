"""Node's IPC channel, as child_process.fork() would open it: lines of JSON over a Unix socket.

The child finds its end by NODE_CHANNEL_FD. Only two messages are of interest, both are text: all
others are read and dropped, as a program would keep in memory what nobody reads.
"""

import contextlib
import socket
from typing import Self

import trio

from webqx_supervisor.core.nodeipc import SHUTDOWN

_CHUNK = 64 * 1024


class Channel:
    """Our end."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._held = b""  # the beginning of a line; cut where no message of interest is so long

    @classmethod
    def open(cls) -> tuple[Self, int]:
        """Return a new one, and the child's end, which is the caller's. Raises OSError."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs.detach()

    @classmethod
    def at(cls, fd: int) -> Self:
        """Take over one by its descriptor, which is owned from here on."""
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._sock.fileno()

    async def wait(self) -> None:
        """Return when there is something to read."""
        await trio.lowlevel.wait_readable(self._sock)

    def receive(self) -> list[bytes] | None:
        """Return the messages that have come; None at the end, when the child has disconnected."""
        try:
            chunk = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not chunk:
            return None
        *lines, rest = (self._held + chunk).split(b"\n")
        self._held = rest[: len(SHUTDOWN) + 1]
        return lines

    def send(self, message: bytes) -> bool:
        """Send one message; False where the child takes none any more."""
        with contextlib.suppress(OSError):
            return self._sock.send(message + b"\n") == len(message) + 1
        return False

    def close(self) -> None:
        """Let go of it: the child is told by the event `disconnect`."""
        self._sock.close()
