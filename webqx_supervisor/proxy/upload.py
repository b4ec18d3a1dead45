"""The body of one request on its way to a worker, read from the client as the worker takes it."""

from webqx_supervisor.core.wire.framing import LAST_CHUNK, ChunkedDecoder, encode_chunk
from webqx_supervisor.core.wire.messages import CHUNKED, Malformed
from webqx_supervisor.net.channel import PIECE, Broken, Channel, Stalled
from webqx_supervisor.net.pace import Pace
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.relay import SPLICE_FROM, relay
from webqx_supervisor.proxy.gateway import Client
from webqx_supervisor.proxy.refusal import Failed, Refused

KEPT = 64 * 1024
"""Octets of a body that are kept for another attempt."""


class Upload:
    """Knows how much of the body is still to come. Raises Refused when it is not as it should be.

    What the client sent ahead is taken at once: `kept` is what goes out right behind the head,
    framed as the worker gets it, on every attempt, as long as the upload is `replayable`.
    How large the body may be is for the way to say, once that is known.
    """

    def __init__(self, reactor: Reactor, client: Client, length: int) -> None:
        limits = client.door.limits
        self.finished = False
        self.replayable = True
        self._client = client
        self._length = length
        self._most = 0
        self._decoder = ChunkedDecoder() if length == CHUNKED else None
        self._left = max(length, 0)
        self._pace = Pace(reactor, limits.idle_timeout, limits.min_body_rate)
        self._payload = 0
        ahead, client.ahead = client.ahead, b""
        self.kept = self._take(ahead)

    def bound(self, most: int) -> None:
        """Let the body have so many octets at most, 0: any number. Raises Refused (413)."""
        self._most = most
        if most and max(self._length, self._payload) > most:
            self.finished = False  # whoever sends so much may send on: the connection ends
            raise _too_large(most)

    def received(self) -> int:
        """Return how many octets of the body have come."""
        return self._payload if self._decoder is not None else max(self._length, 0) - self._left

    async def run(self, upstream: Channel, seconds: float) -> None:
        """Carry what is left; return early if the upstream breaks, for it may have answered.

        Raises Refused when the body stalls or is malformed, Broken when the client is gone.
        """
        try:
            while not self.finished:
                await self._carry_some(upstream, seconds)
        except Stalled as stalled:
            if stalled.channel is upstream:
                raise Failed(504, f"the worker took nothing of the body {stalled}") from stalled
            reason = f"the rest of the body did not come in time: {stalled.reason}"
            raise Refused(408, reason) from stalled
        except Broken as broken:
            if broken.channel is not upstream:
                raise

    async def _carry_some(self, upstream: Channel, seconds: float) -> None:
        client = self._client.channel
        if self._left >= SPLICE_FROM:
            self._forget()
            waits = (self._pace, seconds)
            self.finished = await relay(client, upstream, self._left, waits, self._moved)
            if not self.finished:
                raise Broken(client, "ended inside the body")
            return
        data = await self._pace.recv(client, PIECE)
        if not data:
            raise Broken(client, "ended inside the body")
        self._pace.moved(len(data))
        framed = self._take(data)
        if self.replayable and len(self.kept) + len(framed) <= KEPT:
            self.kept += framed
        else:
            self._forget()
        await upstream.send_all(framed, seconds)

    def _take(self, data: bytes) -> bytes:
        """Return the body's octets in `data` as they go to the worker; the rest goes back."""
        if self._decoder is None:
            payload = data[: self._left]
            self._left -= len(payload)
            if not self._left:
                self.finished = True
                self._client.ahead = data[len(payload) :]
            return payload
        try:
            payload = self._decoder.receive(data)
        except Malformed as fault:
            raise Refused(fault.status, fault.reason) from fault
        self._payload += len(payload)
        if self._most and self._payload > self._most:
            raise _too_large(self._most)
        if not self._decoder.done:
            return encode_chunk(payload)
        self.finished = True
        self._client.ahead = self._decoder.rest
        return encode_chunk(payload) + LAST_CHUNK

    def _moved(self, count: int) -> None:
        self._left -= count
        self._pace.moved(count)

    def _forget(self) -> None:
        self.replayable = False
        self.kept = b""


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body is larger than {limit} octets")
