"""One request sent over one upstream connection, and what comes back on it."""

from webqx_supervisor.core.retry import IDEMPOTENT
from webqx_supervisor.core.wire.headers import is_event_stream
from webqx_supervisor.core.wire.messages import Malformed, MalformedAnswer, ResponseHead
from webqx_supervisor.core.wire.parser import RESPONSE_HEAD_LIMIT, find_head, parse_response
from webqx_supervisor.core.wire.writer import (
    CONTINUE,
    render_informational,
    render_request,
    render_response,
)
from webqx_supervisor.model.gateway import Forwarding
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.reactor import Task
from webqx_supervisor.net.sockdiag import DEAF
from webqx_supervisor.proxy.answer import Answer, patience
from webqx_supervisor.proxy.delivery import Delivery
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.refusal import Refused, Unanswered
from webqx_supervisor.proxy.tunnel import Tunnel
from webqx_supervisor.proxy.upstream import LiveUpstream

INTERIM_LIMIT = 8
"""Interim answers (1xx) that one request may bring."""
CONTINUE_PATIENCE = 1.0
"""s that a worker has to say 100 Continue before the proxy says it."""

_PIECE = 16 * 1024


class Attempt:
    """Raises Unanswered, Refused, Cut; and Broken of the client's channel only."""

    def __init__(
        self,
        exchange: Exchange,
        forwarding: Forwarding,
        upstream: LiveUpstream,
        channel: Channel,
    ) -> None:
        self._upstream = upstream
        self._channel = channel
        self._exchange = exchange
        self._forwarding = forwarding
        self._head = exchange.head
        self._interim = 0
        self._asked_to_continue = False
        self._head_size = 0
        self._mark = DEAF
        self._pump: Task | None = None
        self._upgrade = b""
        if exchange.head.upgrade and exchange.head.upgrade.decode() in forwarding.upgrade:
            self._upgrade = exchange.head.upgrade

    async def run(self) -> bool:
        """Get the answer and relay it; say whether the connection may be used again."""
        exchange = self._exchange
        try:
            await self._send()
            head, ahead = await self._final_head()
            if exchange.extra:
                head.kept += exchange.extra
            if head.status == 101:
                await self._switch(head, ahead)
                return False
            if head.length < 0 and is_event_stream(head.headers):
                self._upstream.begin_endless(self._channel, exchange.client.channel)
            seconds = self._forwarding.response_timeout
            reusable = await Answer(exchange, self._channel, head, ahead, seconds).relay()
        finally:
            if self._pump is not None:
                self._pump.cancel()
        return reusable and (exchange.upload is None or exchange.upload.finished)

    async def _send(self) -> None:
        upload = self._exchange.upload
        if upload is not None and (upload.kept or upload.finished):
            self._head.expects_continue = False  # it did not wait for it
        self._asked_to_continue = self._head.expects_continue
        octets = render_request(self._head, self._exchange.client.forwarded, self._upgrade)
        if self._head.method not in IDEMPOTENT:
            self._mark = self._exchange.gateway.destroyed.listen()
            self._head_size = len(octets)
        if upload is not None:
            octets += upload.kept
        try:
            sent = self._channel.send(octets)
        except Broken as broken:
            raise Unanswered(broken.reason, read=False) from broken
        if sent < len(octets):
            await self._send_rest(octets[sent:])
        if not self._head.expects_continue:
            self._start_pump()

    async def _send_rest(self, octets: bytes) -> None:
        seconds = self._forwarding.response_timeout
        try:
            await self._channel.send_all(octets, seconds)
        except Stalled as stalled:
            raise Refused(504, f"the worker took nothing for {seconds:g} s") from stalled
        except Broken:
            return  # it may have answered before: reading will tell

    def _start_pump(self) -> None:
        upload = self._exchange.upload
        if upload is not None and not upload.finished:
            reactor = self._exchange.gateway.reactor
            body = upload.run(self._channel, self._forwarding.response_timeout)
            self._pump = reactor.spawn(body, parent=reactor.current)

    async def _final_head(self) -> tuple[ResponseHead, bytes]:
        """Read up to the head that is not interim; relay those that are."""
        head, ahead = await self._next_head(b"")
        while head.status < 200 and head.status != 101:
            self._interim += 1
            if self._interim > INTERIM_LIMIT:
                raise self._nonsense("too many interim answers")
            await self._relay_interim(head)
            head, ahead = await self._next_head(ahead)
        return head, ahead

    async def _next_head(self, buffer: bytes) -> tuple[ResponseHead, bytes]:
        searched = 0
        end = -1
        try:
            while not buffer or (end := find_head(buffer, RESPONSE_HEAD_LIMIT, searched)) < 0:
                searched = len(buffer)
                data = await self._receive()
                if not data:
                    raise await self._unanswered(
                        "closed the connection without an answer", ended=True
                    )
                buffer += data
            return parse_response(buffer[:end], self._head.method), buffer[end:]
        except (Malformed, MalformedAnswer) as fault:
            raise self._nonsense(fault.reason) from fault

    async def _receive(self) -> bytes:
        while True:
            try:
                return await self._channel.recv(_PIECE, self._patience())
            except Broken as broken:
                if broken.channel is not self._channel:
                    raise
                if not isinstance(broken, Stalled):
                    raise await self._unanswered(broken.reason, ended=False) from broken
            await self._bear_silence()

    async def _unanswered(self, reason: str, *, ended: bool) -> Unanswered:
        """Tell why, and find out whether the worker has read anything where that matters."""
        exchange, upload = self._exchange, self._exchange.upload
        replayable = upload is None or upload.replayable
        if not replayable or self._head.method in IDEMPOTENT:
            return Unanswered(reason, read=True)
        if self._pump is not None:
            self._pump.cancel()  # what it took from the client is kept for the next attempt
        delivery = Delivery(
            exchange.gateway.reactor,
            exchange.gateway.destroyed,
            self._channel,
            (self._upstream.host, self._upstream.port),
            self._head_size + (len(upload.kept) if upload is not None else 0),
            self._mark,
        )
        return Unanswered(reason, read=not await delivery.is_unread(ended=ended))

    def _patience(self) -> float:
        if self._head.expects_continue:
            return CONTINUE_PATIENCE
        return patience(self._exchange, self._forwarding.response_timeout)

    async def _bear_silence(self) -> None:
        """Return if the worker may be silent still: it had not got the whole request."""
        if self._head.expects_continue:
            await self._continue()
        elif self._pump is None:
            seconds = self._patience()
            raise Refused(504, f"{self._exchange.upstream} gave no answer in {seconds:g} s")
        elif self._pump.done:
            self._pump = None  # its end began the time anew, but only once

    async def _relay_interim(self, head: ResponseHead) -> None:
        """Pass it on, once if it was asked for, as it is if not (RFC 9110 section 15.2)."""
        if head.status == 100 and self._asked_to_continue:
            if self._head.expects_continue:
                await self._continue()
        elif self._head.minor:
            await self._exchange.answer(render_informational(head))

    async def _continue(self) -> None:
        self._head.expects_continue = False
        await self._exchange.answer(CONTINUE)
        self._start_pump()

    async def _switch(self, head: ResponseHead, ahead: bytes) -> None:
        """Become a tunnel, which ends the connection as one for HTTP (RFC 9110 section 7.8)."""
        exchange, client = self._exchange, self._exchange.client
        if not self._upgrade or head.upgrade != self._upgrade:
            raise self._nonsense("switched to a protocol that was not asked for")
        rendered = render_response(
            head, close=False, client_minor=1, length=0, upgrade=self._upgrade
        )
        exchange.status = 101
        client.channel.unhook()
        tunnel = Tunnel(
            exchange.gateway.reactor,
            client.channel,
            self._channel,
            self._forwarding.tunnel_timeout,
        )
        self._upstream.begin_endless(self._channel, client.channel)
        try:
            await exchange.answer(rendered + ahead)
            octets, client.ahead = client.ahead, b""
            await self._channel.send_all(octets, self._forwarding.response_timeout)
            await tunnel.run()
        except Broken as broken:
            exchange.reason = f"tunnel: {broken}"
            if not isinstance(broken, Stalled):
                client.channel.abort()  # a reset is passed on as one
        exchange.sent = len(ahead) + tunnel.sent

    def _nonsense(self, reason: str) -> Refused:
        return Refused(502, f"{self._exchange.upstream} answered nonsense: {reason}")
