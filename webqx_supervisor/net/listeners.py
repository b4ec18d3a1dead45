"""Listening sockets: bind one, and accept on one inside the reactor."""

import errno
import logging
import socket
from collections.abc import Callable
from enum import Enum, auto

from webqx_supervisor.net.poller import ENDED, READ
from webqx_supervisor.net.reactor import FOREVER, Reactor, Task, Watched

BACKLOG = 4096
"""Connections that may wait for accept(2); the kernel lowers it to net.core.somaxconn."""

_AT_ONCE = 64  # accepted before others get their turn
_PAUSE = 0.2  # s without accepting when descriptors have run out
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# A listening socket that is gone; every other error is that of one connection (accept(2)).
_GONE = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK}

_LOG = logging.getLogger(__name__)

Accepted = Callable[[socket.socket, tuple[str, int]], None]
"""Takes over a non-blocking connected socket and the address of its peer."""


def parse_bind(bind: str) -> tuple[str, int]:
    """Split `host:port` or `[host]:port`. Raises ValueError."""
    host, colon, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"not an address with a port: {bind}")
    return host, int(port)


def listen(bind: str) -> socket.socket:
    """Return a non-blocking listening socket. Raises ValueError and OSError."""
    host, port = parse_bind(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `[::]:80` beside `0.0.0.0:80` shall not clash, whatever the system's default is.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


class _Turn(Enum):
    DRAINED = auto()
    MORE = auto()
    EXHAUSTED = auto()


class Acceptor(Watched):
    """Accepts on one listening socket, which other processes may share, until close().

    `exhausted` is called when there are no descriptors left; it returns how many it sets free.
    """

    def __init__(
        self,
        reactor: Reactor,
        listening: socket.socket,
        accepted: Accepted,
        exhausted: Callable[[], int] = lambda: 0,
    ) -> None:
        self._exhausted = exhausted
        self._reactor = reactor
        self._socket = listening
        self._accepted = accepted
        self._edge = False
        self._waiting: Task | None = None
        listening.setblocking(False)
        reactor.register(listening.fileno(), self)
        self._task = reactor.spawn(self._run())

    def on_events(self, events: int) -> None:
        """Note that a connection waits."""
        if events & (READ | ENDED):
            self._edge = True
            if self._waiting is not None:
                self._reactor.resume(self._waiting)

    def close(self) -> None:
        """Accept no more and close this process' hold on the socket."""
        self._task.cancel()
        self._reactor.unregister(self._socket.fileno(), self._socket.close)

    async def _run(self) -> None:
        complained = False
        while True:
            self._edge = False  # before accepting: an edge that comes meanwhile must count
            turn = self._take_turn()
            if turn is _Turn.MORE:
                await self._reactor.yield_turn()
            elif turn is _Turn.DRAINED:
                complained = False
                await self._next_edge()
            elif self._exhausted():  # what was closed is free in the next round
                await self._reactor.yield_turn()
            else:
                if not complained:
                    _LOG.error("out of file descriptors or memory: accepting pauses")
                    complained = True
                await self._reactor.sleep(_PAUSE)

    async def _next_edge(self) -> None:
        self._waiting = self._reactor.current
        try:
            while not self._edge:
                await self._reactor.wait(FOREVER)
        finally:
            self._waiting = None

    def _take_turn(self) -> _Turn:
        for _ in range(_AT_ONCE):
            try:
                connected, peer = self._socket.accept()
            except BlockingIOError:
                return _Turn.DRAINED
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    return _Turn.EXHAUSTED
                if error.errno in _GONE:
                    raise
                continue
            connected.setblocking(False)
            self._accepted(connected, peer[:2])
        return _Turn.MORE
