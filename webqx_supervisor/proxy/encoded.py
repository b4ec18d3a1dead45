"""An answer whose body is encoded on its way to the client."""

from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE
from webqx_supervisor.net.channel import PIECE, Broken
from webqx_supervisor.proxy.answer import WHOLE, Answer, framing_for, patience
from webqx_supervisor.proxy.exchange import Encoder
from webqx_supervisor.proxy.refusal import Cut


class EncodedAnswer(Answer):
    """As Answer; what comes piece by piece goes on piece by piece, a small body as a whole."""

    __slots__ = ("_encoder",)

    def encode(self, encoder: Encoder) -> None:
        """Have the body go through this; before relay()."""
        self._encoder = encoder

    async def relay(self) -> bool:
        """Send it; return whether the upstream's connection may be used again. Raises as Answer."""
        if self._head.length < 0:
            return await super().relay()
        if len(self._ahead) < self._head.length <= WHOLE:
            await self._collect()
        length, ahead = self._head.length, self._ahead[: self._head.length]
        ended = len(self._ahead) <= length
        if len(ahead) == length:
            await self._send_whole(ahead)
        else:
            await self._send_on(ahead, length - len(ahead))
        return self._head.keep_alive and ended

    async def _send_whole(self, body: bytes) -> None:
        octets = self._encoder.encode(body) + self._encoder.finish()
        self._framing = len(octets)
        await self._exchange.answer(self._begin(octets, len(octets)))

    async def _send_on(self, ahead: bytes, left: int) -> None:
        """Send a body of known length in pieces: how long it will be, encoded, nobody knows."""
        self._framing = framing_for(CHUNKED, self._exchange.head.minor)
        octets = self._begin(self._framed(ahead, last=False), len(ahead))
        self._silence.begin_relay(self._upstream, self._exchange.client.channel)
        await self._exchange.answer(octets)
        while left:
            data = await self._receive_up_to(min(left, PIECE))
            left -= len(data)
            framed = self._framed(data, last=not left)
            if framed:
                await self._exchange.answer(framed)
            self._moved(len(data))

    async def _receive_up_to(self, count: int) -> bytes:
        try:
            data = await self._upstream.recv(count, patience(self._exchange, self._seconds))
        except Broken as broken:
            raise self._told_apart(broken) from broken
        if not data:
            raise Cut("the worker ended inside its answer")
        return data

    def _framed(self, payload: bytes, *, last: bool) -> bytes:
        encoder = self._encoder
        encoded = encoder.encode(payload) if payload else b""
        if last:
            encoded += encoder.finish()
        elif payload and self._head.length in (CHUNKED, UNTIL_CLOSE):
            encoded += encoder.flush()  # a client may wait for just this piece
        if encoded or last:
            return super()._framed(encoded, last=last)
        return b""
