"""The socket that one worker notifies over, as systemd's would be: sd_notify(3)."""

import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trio

LONGEST = 4096
_MOST_FDS = 253  # SCM_MAX_FD of unix(7)
_CLOEXEC = socket.MSG_CMSG_CLOEXEC if sys.platform == "linux" else 0


@dataclass(frozen=True, slots=True)
class Datagram:
    """One message: its text, who sent it (None where the system tells no sender), what came along.

    The descriptors are the receiver's to close.
    """

    text: bytes
    sender: int | None
    fds: tuple[int, ...] = ()


class NotifySocket:
    """The receiving end. It can be handed on by its descriptor; what was sent waits in it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock

    @classmethod
    def open(cls) -> Self:
        """Bind a new one. Raises OSError."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            if sys.platform == "linux":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                sock.bind("")  # a free name in the abstract space, unix(7) "Autobind"
            else:
                sock.bind(str(Path(tempfile.mkdtemp(prefix="webqx-sv-"), "notify")))
        except OSError:
            sock.close()
            raise
        return cls(sock)

    @classmethod
    def at(cls, fd: int) -> Self:
        """Take over one by its descriptor, which is owned from here on."""
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._sock.fileno()

    @property
    def address(self) -> str:
        """The value of NOTIFY_SOCKET."""
        name = self._sock.getsockname()
        return f"@{os.fsdecode(name[1:])}" if isinstance(name, bytes) else str(name)

    async def wait(self) -> None:
        """Return when there is something to receive."""
        await trio.lowlevel.wait_readable(self._sock)

    def receive(self) -> Datagram | None:
        """Return the next message; None when there is none now. Raises OSError."""
        space = socket.CMSG_SPACE(_MOST_FDS * 4) + socket.CMSG_SPACE(3 * 4)
        try:
            text, ancillary, _, _ = self._sock.recvmsg(LONGEST, space, _CLOEXEC)
        except BlockingIOError:
            return None
        fds: list[int] = []
        sender = None
        for level, kind, data in ancillary:
            numbers = memoryview(data)[: len(data) // 4 * 4].cast("i").tolist()
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds += numbers
            elif sys.platform == "linux" and kind == socket.SCM_CREDENTIALS:
                sender = numbers[0]  # struct ucred: pid, uid, gid
        return Datagram(text, sender, tuple(fds))

    def close(self) -> None:
        """Let go of it; who still notifies gets ECONNREFUSED."""
        if sys.platform != "linux" and self._sock.fileno() >= 0:
            path = Path(self._sock.getsockname())
            path.unlink(missing_ok=True)
            path.parent.rmdir()
        self._sock.close()
