"""Whether a worker that gave no answer has read anything of the request, as the kernel knows it.

"No" needs proof: who sends a request again on a guess has it carried out twice. Octets that a
worker has not read die with its end of the connection, so that end must be gone; while it lives,
even after a reset from here, the worker may still read them.
"""

import fcntl
import socket
import struct
import sys
import termios
from dataclasses import dataclass

from webqx_supervisor.net.channel import Channel, Stalled
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.sockdiag import PATIENCE, DestroyedSockets, pack_ends

_TCP_CLOSE = 7


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent for one request: so many `octets`, or fewer, after the mark `since`."""

    reactor: Reactor
    destroyed: DestroyedSockets
    channel: Channel
    worker: tuple[str, int]
    octets: int
    since: int

    async def is_unread(self, *, ended: bool) -> bool:
        """Say whether it is proven that the worker has read nothing and never will.

        `ended` if the worker's end of the stream was seen, False if a reset. Nobody else may be
        sending on the channel.
        """
        if sys.platform != "linux" or self.channel.closed:
            return False
        return (ended and await self._came_too_late()) or await self._died_unread()

    async def _came_too_late(self) -> bool:
        """Say whether the worker had ended the connection before the first octet arrived.

        Then its end of the stream acknowledged none, and a reset was all that they met. Who has
        ended its side can give no answer and must not process what still comes (RFC 9112
        section 9.6).
        """
        until = self.reactor.now + PATIENCE
        while self._unacknowledged() >= self.octets:
            if self._is_reset():
                return True
            try:
                await self.channel.wait_writable(until - self.reactor.now)
            except Stalled:
                break
        return False

    async def _died_unread(self) -> bool:
        """Say whether the worker's end was destroyed with every octet still in it.

        That they were not acknowledged would prove nothing: it may have read some and then reset
        the connection before an acknowledgement was due.
        """
        own = self.channel.connected.getsockname()[:2]
        unread = await self.destroyed.unread(pack_ends(self.worker, own), self.since)
        return unread >= self.octets

    def _unacknowledged(self) -> int:
        octets = fcntl.ioctl(self.channel.fd, termios.TIOCOUTQ, bytes(4))
        return int(struct.unpack("i", octets)[0])

    def _is_reset(self) -> bool:
        if sys.platform != "linux":
            return False
        # struct tcp_info (linux/tcp.h) begins with the state
        state = self.channel.connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return state[0] == _TCP_CLOSE
