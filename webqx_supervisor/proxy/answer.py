"""The answer of a worker on its way to the client, each piece as soon as it is there.

What has begun is completed or visibly cut, never made to look whole: a client must be able to
tell a truncated answer from a short one.
"""

from webqx_supervisor.core.wire.framing import LAST_CHUNK, ChunkedDecoder, encode_chunk
from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE, Malformed, ResponseHead
from webqx_supervisor.core.wire.writer import render_response
from webqx_supervisor.net.channel import PIECE, Broken, Channel, Stalled
from webqx_supervisor.net.relay import relay
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.gateway import HALF_CLOSED_PATIENCE
from webqx_supervisor.proxy.refusal import Cut, Failed, Unanswered
from webqx_supervisor.proxy.silence import Silence

WHOLE = 16 * 1024
"""A body of known length up to this is held until it is there, for up to HOLD."""
HOLD = 0.5
"""s after which what there is of such a body is sent on: its worker may send it drop by drop."""


class Answer:
    """One answer whose head has been read; `ahead` is what came with it. Not for 101."""

    __slots__ = (
        "_ahead",
        "_decoder",
        "_exchange",
        "_framing",
        "_head",
        "_seconds",
        "_silence",
        "_upstream",
    )

    def __init__(
        self,
        exchange: Exchange,
        upstream: Channel,
        head: ResponseHead,
        ahead: bytes,
        seconds: float,
        silence: Silence,
    ) -> None:
        self._exchange = exchange
        self._upstream = upstream
        self._head = head
        self._ahead = ahead
        self._seconds = seconds
        self._silence = silence
        self._framing = framing_for(head.length, exchange.head.minor)
        self._decoder = ChunkedDecoder() if head.length == CHUNKED else None

    async def relay(self) -> bool:
        """Send it; return whether the upstream's connection may be used again.

        Raises Failed or Unanswered while nothing has been sent, Cut later, Broken when the
        client is gone.
        """
        if self._head.length < 0:
            return await self._relay_pieces() and self._head.keep_alive
        payload, left = self._ahead, self._head.length - len(self._ahead)
        if left < 0:
            payload, left = payload[:left], 0
        elif left and self._head.length <= WHOLE:
            await self._collect()
            payload = self._ahead[: self._head.length]
            left = self._head.length - len(payload)
        client = self._exchange.client
        octets = self._begin(payload, len(payload))
        sent = client.channel.send(octets)
        if sent < len(octets):
            await client.channel.send_rest(octets, sent, client.door.limits.write_timeout)
        if left:
            await self._relay_rest(left)
        return self._head.keep_alive and self._ended_as_announced()

    def dismiss(self, _code: int) -> None:
        """End it, if it has no end: the client gets what was sent, and connects anew."""
        self._exchange.client.channel.close()
        self._upstream.close()

    def interrupt(self) -> None:
        """Do nothing: it ends where it began, see EventStream."""

    async def _collect(self) -> None:
        """Wait for the rest of a small body, with what follows it. Raises Unanswered.

        Workers often send head and body apart, and may die in between: while the client has got
        nothing, another one can still answer it.
        """
        reactor = self._exchange.gateway.reactor
        until = reactor.now + min(HOLD, self._seconds)
        try:
            while len(self._ahead) < self._head.length:
                data = await self._upstream.recv(PIECE, until - reactor.now)
                if not data:
                    raise Unanswered("ended inside its answer", read=True)
                self._silence.heard_at = reactor.now
                self._ahead += data
        except Stalled:
            pass
        except Broken as broken:
            raise Unanswered(f"broke inside its answer: {broken}", read=True) from broken

    async def _relay_rest(self, left: int) -> None:
        exchange, client = self._exchange, self._exchange.client
        self._silence.begin_relay(self._upstream, client.channel)
        try:
            whole = await relay(
                self._upstream,
                client.channel,
                left,
                (patience(exchange, self._seconds), client.door.limits.write_timeout),
                self._moved,
            )
        except Broken as broken:
            raise self._told_apart(broken) from broken
        if not whole:
            raise Cut("the worker ended inside its answer")

    def _ended_as_announced(self) -> bool:
        """Say whether no more follows: whose answer that would be nobody knows.

        Workers forget most often that HEAD, 204 and 304 have no body, and it follows the head at
        once.
        """
        announced = self._head.length > 0 or self._head.content_length == 0
        return len(self._ahead) <= self._head.length and (announced or self._upstream.is_quiet())

    async def _relay_pieces(self) -> bool:
        decoder = self._decoder
        try:
            payload = decoder.receive(self._ahead) if decoder else self._ahead
        except Malformed as fault:
            reason = f"{self._exchange.upstream} answered nonsense: {fault.reason}"
            raise Failed(502, reason, invalid=True) from fault
        framed = self._framed(payload, last=decoder is not None and decoder.done)
        octets = self._begin(framed, len(payload))
        if decoder is not None and decoder.done:
            await self._exchange.answer(octets)
            return not decoder.rest
        self._silence.begin_relay(self._upstream, self._exchange.client.channel)
        await self._exchange.answer(octets)
        return await self._go_on()

    async def _go_on(self) -> bool:
        decoder = self._decoder
        while decoder is None or not decoder.done:
            data = await self._receive()
            if data is None:
                return False
            if not data and decoder is not None:
                raise Cut("the worker ended inside its answer")
            try:
                payload = decoder.receive(data) if decoder else data
            except Malformed as fault:
                raise Cut(f"the worker's answer is malformed: {fault.reason}") from fault
            last = not data if decoder is None else decoder.done
            framed = self._framed(payload, last=last)
            if framed:
                await self._exchange.answer(framed)
                self._moved(len(payload))
            if last:
                break
        return decoder is not None and not decoder.rest

    def _begin(self, body: bytes, octets: int) -> bytes:
        """Return the head and what there is of the body: so many octets without their framing."""
        exchange = self._exchange
        exchange.keep = exchange.may_keep() and self._framing != UNTIL_CLOSE
        rendered = render_response(
            self._head,
            close=not exchange.keep,
            client_minor=exchange.head.minor,
            length=self._framing,
            date=exchange.gateway.date(),
        )
        exchange.status = self._head.status
        exchange.sent = octets
        return rendered + body

    async def _receive(self) -> bytes | None:
        """Return what comes next; None: somebody else gets it."""
        try:
            return await self._upstream.recv(PIECE, patience(self._exchange, self._seconds))
        except Broken as broken:
            raise self._told_apart(broken) from broken

    def _framed(self, payload: bytes, *, last: bool) -> bytes:
        if self._framing != CHUNKED:
            return payload
        return encode_chunk(payload) + LAST_CHUNK if last else encode_chunk(payload)

    def _moved(self, count: int) -> None:
        self._exchange.sent += count
        self._silence.heard_at = self._exchange.gateway.reactor.now

    def _told_apart(self, broken: Broken) -> Exception:
        if broken.channel is self._upstream:
            return Cut(f"the worker broke inside its answer: {broken}")
        return broken


def patience(exchange: Exchange, seconds: float) -> float:
    """Return how long to wait for the worker: less when the client may be gone."""
    if exchange.client.channel.ended:
        return min(seconds, HALF_CLOSED_PATIENCE)
    return seconds


def framing_for(length: int, client_minor: int) -> int:
    """Return how the client gets a body of this length; only HTTP/1.1 knows chunks."""
    if length >= 0:
        return length
    return CHUNKED if client_minor else UNTIL_CLOSE
