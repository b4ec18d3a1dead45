"""Hears from the kernel how many octets a TCP socket of this machine had unread when it ended.

Only the kernel knows what became of octets that were sent to a process that is gone. It tells
whoever subscribed before, without privileges (sock_diag(7)). Elsewhere than on Linux, and where a
sandbox forbids it, nothing is ever heard.
"""

import array
import contextlib
import errno
import socket
import struct
import sys

from webqx_supervisor.core.wire.sockdiag import (
    FILTER,
    FILTER_LENGTH,
    GROUPS,
    Ends,
    parse_destroyed,
    plain_address,
)
from webqx_supervisor.net.parking import ParkingLot
from webqx_supervisor.net.reactor import DeadlinePassed, Reactor, Watched

PATIENCE = 0.2
"""s to wait for word of a socket: usually it takes less than a millisecond."""
REMEMBERED = 256
"""Sockets whose end is remembered."""
DEAF = -1
"""What DestroyedSockets.listen() returns where nothing will be heard."""

_NETLINK_SOCK_DIAG = 4
_SO_ATTACH_FILTER = 26
_MESSAGE_SIZE = 4096


class DestroyedSockets(Watched):
    """What has been heard of late; listens from the first listen() on."""

    __slots__ = ("_count", "_reactor", "_socket", "_tried", "_unread", "_waiting")

    def __init__(self, reactor: Reactor) -> None:
        self._count = 0
        self._reactor = reactor
        self._socket: socket.socket | None = None
        self._tried = False
        self._unread: dict[Ends, tuple[int, int]] = {}
        self._waiting = ParkingLot(reactor)

    def listen(self) -> int:
        """Return a mark: what is heard from now on is of sockets that exist now. Or DEAF."""
        if not self._tried:
            self._tried = True
            with contextlib.suppress(OSError):
                self._socket = _subscribe()
            if self._socket is not None:
                self._reactor.register(self._socket.fileno(), self)
        return DEAF if self._socket is None else self._count

    async def unread(self, ends: Ends, since: int) -> int:
        """Return how many octets that socket had unread when it ended, after the mark `since`.

        0 if that is not heard in PATIENCE: it had one or none, or it lives, or the word was lost.
        """
        until = self._reactor.now + PATIENCE
        while self._socket is not None and since != DEAF:
            number, octets = self._unread.get(ends, (0, 0))
            if number > since:
                return octets
            try:
                await self._waiting.park(until - self._reactor.now)
            except DeadlinePassed:
                break
        return 0

    def on_events(self, events: int) -> None:  # noqa: ARG002 - as Watched
        """Take in what the kernel says."""
        while self._socket is not None:
            try:
                message, sender = self._socket.recvfrom(_MESSAGE_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # some was lost: it counts as never heard
                    raise
                continue
            destroyed = parse_destroyed(message) if sender[0] == 0 else None  # the kernel's own
            if destroyed is not None:
                self._remember(*destroyed)
        self._waiting.unpark_all()

    def close(self) -> None:
        """Hear no more."""
        if self._socket is not None:
            self._reactor.unregister(self._socket.fileno(), self._socket.close)
            self._socket = None

    def _remember(self, ends: Ends, unread: int) -> None:
        self._count += 1
        self._unread.pop(ends, None)
        self._unread[ends] = (self._count, unread)
        if len(self._unread) > REMEMBERED:
            del self._unread[next(iter(self._unread))]


def pack_ends(own: tuple[str, int], peer: tuple[str, int]) -> Ends:
    """Return the ends of a socket by its own and its peer's numeric address and port."""
    return _pack(own[0]), own[1], _pack(peer[0]), peer[1]


def _pack(host: str) -> bytes:
    host = host.partition("%")[0]
    return plain_address(socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host))


def _subscribe() -> socket.socket | None:
    if sys.platform != "linux":
        return None
    opened = socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, _NETLINK_SOCK_DIAG
    )
    try:
        program = array.array("B", FILTER)
        # struct sock_fprog: the length in instructions, and where they are
        fprog = struct.pack("HP", FILTER_LENGTH, program.buffer_info()[0])
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
        opened.bind((0, GROUPS))
    except OSError:
        opened.close()
        raise
    return opened


def works() -> bool:
    """Say whether the kernel would tell of sockets that end."""
    try:
        opened = _subscribe()
    except OSError:
        return False
    if opened is not None:
        opened.close()
    return opened is not None
