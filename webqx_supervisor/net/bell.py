"""How one proxy wakes another: an empty datagram to a name that both can work out.

Names are of Linux' abstract space (unix(7)): nothing to hand over, nothing to clean up. Elsewhere
a bell is silent, and who waits for one looks by itself from time to time.
"""

import contextlib
import socket
import sys
from collections.abc import Callable

from webqx_supervisor.net.reactor import Reactor, Watched


class Bell(Watched):
    """Rings when somebody calls `ring` with this proxy's row; `heard` is then called once."""

    def __init__(self, reactor: Reactor, group: int, row: int, heard: Callable[[], None]) -> None:
        """Answer to (group, row). Raises OSError when another one does."""
        self._reactor = reactor
        self._group = group
        self._heard = heard
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._closed = False
        if sys.platform == "linux":
            try:
                self._socket.bind(_address(group, row))
            except OSError:
                self._socket.close()
                raise
        reactor.register(self._socket.fileno(), self)

    def ring(self, row: int) -> None:
        """Wake the proxy of that row, if it lives."""
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # it is dead, or has more than enough to read
                self._socket.sendto(b"", _address(self._group, row))

    def on_events(self, events: int) -> None:  # noqa: ARG002 - as Watched
        """Take what has come; however often it rang, it means the same."""
        rang = False
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(1)
                rang = True
        if rang:
            self._heard()

    def close(self) -> None:
        """Be silent from now on."""
        if not self._closed:
            self._closed = True
            self._reactor.unregister(self._socket.fileno(), self._socket.close)


def _address(group: int, row: int) -> bytes:
    return b"\0webqx-sv-%016x-%d" % (group, row)
