"""A small request of the proxy's own to a worker, beside the one that it carries."""

from webqx_supervisor.core.wire.framing import ChunkedDecoder
from webqx_supervisor.core.wire.messages import (
    CHUNKED,
    Malformed,
    MalformedAnswer,
    RequestHead,
    ResponseHead,
)
from webqx_supervisor.core.wire.parser import RESPONSE_HEAD_LIMIT, find_head, parse_response
from webqx_supervisor.core.wire.writer import render_request
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Group, Wish
from webqx_supervisor.proxy.reach import reach
from webqx_supervisor.proxy.refusal import Refused, Unanswered, Unreachable
from webqx_supervisor.proxy.upstream import LiveUpstream

ATTEMPTS = 3
"""How many workers may break off before the question is given up: a GET may be repeated."""
INTERIM_LIMIT = 8

_PIECE = 16 * 1024


async def subrequest(
    exchange: Exchange, group: Group, head: RequestHead, limit: int
) -> tuple[ResponseHead, bytes]:
    """Ask a worker of the group with a GET; return the head of its answer, and the body.

    A body of more than `limit` octets is left out. Raises Refused where there is no answer.
    """
    until = exchange.gateway.reactor.now + group.forwarding.queue_timeout
    wish = group.wish(head, exchange.ip) if group.wishful else None
    failed = 0
    while True:
        upstream = await group.claim(until, wish)
        question = _Question(exchange, group, upstream, limit)
        answered = False
        try:
            answer = await question.ask(head, failed)
            answered = True
        except Unanswered as failure:
            upstream.pool.clear()  # what broke one connection has most likely broken the idle ones
            failed += not isinstance(failure, Unreachable)
            if failed >= ATTEMPTS:
                raise Refused(502, f"worker {upstream.id}: {failure.reason}") from failure
            wish = wish or Wish()
            wish.tried.append(upstream)
        else:
            return answer
        finally:
            question.end()
            exchange.gateway.upstreams.release(group, upstream, answered)


class _Question:
    """One attempt. Raises Unanswered and Refused."""

    def __init__(
        self, exchange: Exchange, group: Group, upstream: LiveUpstream, limit: int
    ) -> None:
        self._exchange = exchange
        self._group = group
        self._upstream = upstream
        self._limit = limit
        self._seconds = group.forwarding.response_timeout
        self._ahead = b""
        self._pass = None if upstream.guard is None else upstream.guard.take()

    async def ask(self, head: RequestHead, failed: int) -> tuple[ResponseHead, bytes]:
        """Ask, after so many others that `failed`."""
        exchange = self._exchange
        if exchange.spans is not None:
            exchange.spans.begin(exchange, self._upstream, failed, head)
        try:
            answer = await self._ask(head)
        except (Unanswered, Refused) as failure:
            if self._pass is not None and not exchange.client.channel.closed:
                broke = isinstance(failure, Unanswered) and not isinstance(failure, Unreachable)
                self._pass.failed(broke=broke)
            if exchange.spans is not None:
                exchange.spans.failed(exchange, failure)
            raise
        if self._pass is not None:
            self._pass.answered(answer[0].status)
        if exchange.spans is not None:
            exchange.spans.ended(exchange, answer[0].status)
        return answer

    def end(self) -> None:
        """Let another request through the breaker instead, if nothing is known of this one."""
        if self._pass is not None:
            self._pass.end()
        if self._exchange.spans is not None:
            self._exchange.spans.ended(self._exchange, 0)

    async def _ask(self, head: RequestHead) -> tuple[ResponseHead, bytes]:
        reactor = self._exchange.gateway.reactor
        channel = self._upstream.pool.take(repeatable=True)
        if self._pass is not None:
            self._pass.kept = channel is not None
        if channel is None:
            channel = await reach(reactor, self._group, self._upstream)
        whole = False
        try:
            forwarded = self._exchange.forwarded
            if self._exchange.spans is not None:
                forwarded += self._exchange.spans.line()
            await channel.send_all(render_request(head, forwarded), self._seconds)
            answer = await self._head(channel)
            body = await self._body(channel, answer)
            whole = body is not None and answer.keep_alive and not self._ahead
        except Stalled as stalled:
            if stalled.channel is not channel:
                raise
            reason = f"{self._upstream.id} gave no answer in {self._seconds:g} s"
            raise Refused(504, reason) from stalled
        except Broken as broken:
            if broken.channel is not channel:
                raise
            raise Unanswered(broken.reason, read=True) from broken
        except (Malformed, MalformedAnswer) as fault:
            reason = f"{self._upstream.id} answered nonsense: {fault.reason}"
            raise Refused(502, reason) from fault
        finally:
            if whole and self._exchange.gateway.upstreams.keep(self._upstream):
                self._upstream.pool.put(channel)
            else:
                channel.close()
        return answer, body or b""

    async def _head(self, channel: Channel) -> ResponseHead:
        """Read up to the head that is not interim."""
        for _ in range(INTERIM_LIMIT):
            while (end := find_head(self._ahead, RESPONSE_HEAD_LIMIT)) < 0:
                await self._more(channel)
            octets, self._ahead = self._ahead[:end], self._ahead[end:]
            head = parse_response(octets, b"GET")
            if head.status >= 200:
                return head
        raise MalformedAnswer("too many interim answers")

    async def _body(self, channel: Channel, head: ResponseHead) -> bytes | None:
        """Read the body; None if it is too long, or has no end but that of the connection."""
        if head.length == CHUNKED:
            return await self._chunks(channel)
        if not 0 <= head.length <= self._limit:
            return None if head.length > 0 else await self._rest(channel)
        while len(self._ahead) < head.length:
            await self._more(channel)
        body, self._ahead = self._ahead[: head.length], self._ahead[head.length :]
        return body

    async def _chunks(self, channel: Channel) -> bytes | None:
        decoder, body = ChunkedDecoder(), b""
        while True:
            body += decoder.receive(self._ahead)
            self._ahead = b""
            if len(body) > self._limit:
                return None
            if decoder.done:
                self._ahead = decoder.rest
                return body
            await self._more(channel)

    async def _rest(self, channel: Channel) -> bytes | None:
        """Read up to the end of the connection, which cannot be used again then."""
        while data := await channel.recv(_PIECE, self._seconds):
            self._ahead += data
            if len(self._ahead) > self._limit:
                return None
        return self._ahead

    async def _more(self, channel: Channel) -> None:
        data = await channel.recv(_PIECE, self._seconds)
        if not data:
            raise Unanswered("closed the connection without a whole answer", read=True)
        self._ahead += data
