"""One request sent over one upstream connection, and what comes back on it."""

from dataclasses import replace

from webqx_supervisor.core.retry import IDEMPOTENT
from webqx_supervisor.core.wire.headers import is_event_stream
from webqx_supervisor.core.wire.messages import Malformed, MalformedAnswer, ResponseHead
from webqx_supervisor.core.wire.parser import RESPONSE_HEAD_LIMIT, find_head, parse_response
from webqx_supervisor.core.wire.writer import (
    CONTINUE,
    render_informational,
    render_request,
)
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.reactor import Task
from webqx_supervisor.net.sockdiag import DEAF
from webqx_supervisor.proxy.answer import Answer, patience
from webqx_supervisor.proxy.delivery import Delivery
from webqx_supervisor.proxy.encoded import EncodedAnswer
from webqx_supervisor.proxy.eventstream import EventStream
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.guard import Pass
from webqx_supervisor.proxy.reach import reach
from webqx_supervisor.proxy.refusal import Dropped, Failed, Unanswered, Unreachable
from webqx_supervisor.proxy.switch import Switch
from webqx_supervisor.proxy.tries import Tries
from webqx_supervisor.proxy.upload import Upload
from webqx_supervisor.proxy.upstream import LiveUpstream

INTERIM_LIMIT = 8
"""Interim answers (1xx) that one request may bring."""
CONTINUE_PATIENCE = 1.0
"""s that a worker has to say 100 Continue before the proxy says it."""

_PIECE = 16 * 1024


class Attempt:
    """Raises Unanswered, Failed, Dropped, Cut, what an upload raises; and the client's Broken.

    Holds a claim on `upstream`, and a connection to it, until end().
    """

    __slots__ = (
        "_ahead",
        "_asked_to_continue",
        "_channel",
        "_exchange",
        "_forwarding",
        "_group",
        "_head",
        "_head_size",
        "_interim",
        "_mark",
        "_pass",
        "_pump",
        "_reusable",
        "_searched",
        "_tries",
        "_upgrade",
        "_upstream",
        "_waits",
    )

    def __init__(
        self,
        exchange: Exchange,
        group: Group,
        upstream: LiveUpstream,
        tries: Tries | None = None,
        response_timeout: float = 0.0,
    ) -> None:
        self._exchange = exchange
        self._forwarding = group.forwarding
        if response_timeout:  # the route's own
            self._forwarding = replace(group.forwarding, response_timeout=response_timeout)
        self._group = group
        self._head = exchange.head
        self._upstream = upstream
        self._ahead = b""  # of the worker's octets, what nobody has understood yet
        self._asked_to_continue = False
        self._channel: Channel | None = None
        self._head_size = 0
        self._interim = 0
        self._mark = DEAF
        self._pass: Pass | None = None if upstream.guard is None else upstream.guard.take()
        self._pump: Task | None = None
        self._reusable = False
        self._searched = 0
        self._tries = tries
        self._upgrade = b""
        self._waits = False  # it counts among those that wait for the head of their answer
        if exchange.head.upgrade and exchange.head.upgrade.decode() in self._forwarding.upgrade:
            self._upgrade = exchange.head.upgrade
        if exchange.spans is not None:
            exchange.spans.begin(exchange, upstream, exchange.retries, self._head)

    async def run(self) -> None:
        """Get the answer and relay it."""
        exchange = self._exchange
        self._wait()
        channel = self._channel = self._idle_channel()
        if self._pass is not None:
            self._pass.kept = channel is not None
        if channel is None:
            reactor = exchange.gateway.reactor
            channel = self._channel = await reach(reactor, self._group, self._upstream)
            if exchange.timing is not None:
                exchange.timing.connected(reactor.now)
        rest = self._send(channel)
        if rest:
            await self._send_rest(channel, rest)
        if not self._head.expects_continue:
            self._start_pump(channel)
        head = await self._final_head(channel)
        self._take_in(channel, head)
        if head.status == 101:
            await self._switch(channel, head)
            return
        endless = head.length < 0 and is_event_stream(head.headers)
        answer = self._answer(channel, head, endless)
        if endless:
            exchange.endless = True
            self._upstream.begin_endless(channel, answer)
        reusable = await answer.relay()
        self._reusable = reusable and (exchange.upload is None or exchange.upload.finished)

    def _answer(self, channel: Channel, head: ResponseHead, endless: bool) -> Answer:
        exchange = self._exchange
        seconds, silence = self._forwarding.response_timeout, self._upstream.silence
        if exchange.compress is not None:
            encoder = exchange.compress.encoder(head, exchange)
            if encoder is not None:
                encoded = EncodedAnswer(exchange, channel, head, self._ahead, seconds, silence)
                encoded.encode(encoder)
                return encoded
        if endless:
            stream = EventStream(exchange, channel, head, self._ahead, seconds, silence)
            stream.begin(self._group.service, self._pump)
            return stream
        return Answer(exchange, channel, head, self._ahead, seconds, silence)

    def blame(self, *, broke: bool = False) -> None:
        """Take in that the upstream has failed the request; `broke` if its connection did."""
        if self._pass is not None and not self._exchange.client.channel.closed:
            self._pass.failed(broke=broke)

    def broke(self, failure: Unanswered) -> None:
        """Take in that the connection broke off, or was refused."""
        self.blame(broke=not isinstance(failure, Unreachable))
        # What broke one connection has most likely broken the idle ones too.
        self._upstream.pool.clear()

    def end(self) -> None:
        """Give back the claim, and the connection if it may be used again."""
        if self._pump is not None:
            self._pump.cancel()
        self._wait_no_longer()
        if self._pass is not None:
            self._pass.end()
        channel, upstream, upstreams = (
            self._channel,
            self._upstream,
            self._exchange.gateway.upstreams,
        )
        if channel is not None:
            upstream.end_endless(channel)
            upstream.silence.let_go(channel, self._exchange.gateway.reactor.now)
            if self._reusable and upstreams.keep(upstream):
                upstream.pool.put(channel)
            else:
                channel.close()
        # A status by now is the worker's own; the proxy's refusals are sent after the release.
        upstreams.release(self._group, upstream, answered=self._exchange.status != 0)
        if self._exchange.spans is not None:
            self._exchange.spans.ended(self._exchange, self._exchange.status)

    def _edit(self, head: ResponseHead) -> None:
        """Make the lines of the worker's answer those that the client gets."""
        exchange = self._exchange
        if exchange.strip is not None:
            head.kept = exchange.strip(head.kept)
        if exchange.extra or exchange.led:
            head.kept += exchange.extra + exchange.led
        if exchange.timing is not None:
            head.kept += exchange.timing.line(exchange.gateway.reactor.now)

    def _idle_channel(self) -> Channel | None:
        upload = self._exchange.upload
        # Whether every octet of the request is at hand, however often it is to be sent.
        whole = upload is None or (upload.finished and upload.replayable)
        repeatable = whole and self._head.method in IDEMPOTENT
        destroyed = self._exchange.gateway.destroyed
        provable = whole and not (repeatable or self._upstream.remote)
        provable = provable and destroyed.listen() != DEAF
        return self._upstream.pool.take(repeatable=repeatable, provable=provable)

    def _request(self) -> bytes:
        """Return the head as it goes to the worker, and what is at hand of the body."""
        upload = self._exchange.upload
        if upload is not None and (upload.kept or upload.finished):
            self._head.expects_continue = False  # it did not wait for it
        self._asked_to_continue = self._head.expects_continue
        forwarded = self._exchange.forwarded
        if self._exchange.spans is not None:
            forwarded += self._exchange.spans.line()
        octets = render_request(self._head, forwarded, self._upgrade)
        if self._head.method not in IDEMPOTENT and not self._upstream.remote:
            self._mark = self._exchange.gateway.destroyed.listen()
            self._head_size = len(octets)
        return octets if upload is None else octets + upload.kept

    def _send(self, channel: Channel) -> bytes:
        """Send what can be sent at once; return the rest."""
        octets = self._request()
        try:
            return octets[channel.send(octets) :]
        except Broken as broken:
            raise Unanswered(broken.reason, read=False) from broken

    async def _send_rest(self, channel: Channel, octets: bytes) -> None:
        seconds = self._forwarding.response_timeout
        try:
            await channel.send_all(octets, seconds)
        except Stalled as stalled:
            raise Failed(504, f"the worker took nothing for {seconds:g} s") from stalled
        except Broken:
            return  # it may have answered before: reading will tell

    def _start_pump(self, channel: Channel) -> None:
        upload = self._exchange.upload
        if upload is not None and not upload.finished:
            reactor = self._exchange.gateway.reactor
            self._pump = reactor.spawn(self._carry(upload, channel), parent=reactor.current)

    async def _carry(self, upload: Upload, channel: Channel) -> None:
        """Carry the rest of the body; meanwhile it is the client that lets others wait."""
        reactor, silence = self._exchange.gateway.reactor, self._upstream.silence
        if self._waits:
            self._wait_no_longer()
            silence.begin_upload(channel, self._exchange.began)
        try:
            await upload.run(channel, self._forwarding.response_timeout)
        finally:
            silence.end_upload(channel, reactor.now)
        if self._pass is not None:
            self._pass.asked_at = reactor.now
        if not self._exchange.status:  # the answer has not begun: now it is the worker's turn
            self._wait()

    def _wait(self) -> None:
        self._waits = True
        self._upstream.silence.begin(self._exchange.gateway.reactor.now)

    def _wait_no_longer(self) -> None:
        if self._waits:
            self._waits = False
            self._upstream.silence.end()

    async def _final_head(self, channel: Channel) -> ResponseHead:
        """Read up to the head that is not interim; relay those that are."""
        while True:
            head = self._next_head()
            if head is None:
                await self._receive(channel)
            elif head.status >= 200 or head.status == 101:
                return head
            else:
                self._interim += 1
                if self._interim > INTERIM_LIMIT:
                    raise self._nonsense("too many interim answers")
                await self._relay_interim(channel, head)

    def _take_in(self, channel: Channel, head: ResponseHead) -> None:
        """Note that the worker answers, and make its head what the client gets. Raises Dropped."""
        exchange = self._exchange
        self._wait_no_longer()
        if self._pump is not None:  # whatever of the body is still to come: it has answered
            self._upstream.silence.end_upload(channel, exchange.gateway.reactor.now)
        if self._pass is not None:
            self._pass.answered(head.status)
        if self._tries is not None and self._tries.instead_of(head.status):
            self._drop(head)
        self._edit(head)

    def _next_head(self) -> ResponseHead | None:
        """Take a head from what came; None if it is not whole."""
        octets = self._ahead
        if not octets:
            return None
        try:
            end = find_head(octets, RESPONSE_HEAD_LIMIT, self._searched)
            if end < 0:
                self._searched = len(octets)
                return None
            self._ahead = octets[end:]
            self._searched = 0
            return parse_response(octets[:end], self._head.method)
        except (Malformed, MalformedAnswer) as fault:
            raise self._nonsense(fault.reason) from fault

    async def _receive(self, channel: Channel) -> None:
        """Read more of the answer's head, for as long as the worker may be silent."""
        try:
            data = channel.take(_PIECE)
            while data is None:
                await channel.ready(self._patience())
                data = channel.take(_PIECE)
        except Stalled as stalled:
            if stalled.channel is not channel:
                raise
            await self._bear_silence(channel)
            return
        except Broken as broken:
            if broken.channel is not channel:
                raise
            raise await self._unanswered(channel, broken.reason, ended=False) from broken
        if not data:
            reason = "closed the connection without an answer"
            raise await self._unanswered(channel, reason, ended=True)
        self._upstream.silence.heard_at = self._exchange.gateway.reactor.now
        self._ahead = self._ahead + data if self._ahead else data

    async def _unanswered(self, channel: Channel, reason: str, *, ended: bool) -> Unanswered:
        """Tell why, and find out whether the worker has read anything where that matters."""
        exchange, upload = self._exchange, self._exchange.upload
        replayable = upload is None or upload.replayable
        if not replayable or self._head.method in IDEMPOTENT or self._upstream.remote:
            return Unanswered(reason, read=True)
        if self._pump is not None:
            self._pump.cancel()  # what it took from the client is kept for the next attempt
        delivery = Delivery(
            exchange.gateway.reactor,
            exchange.gateway.destroyed,
            channel,
            (self._upstream.host, self._upstream.port),
            self._head_size + (len(upload.kept) if upload is not None else 0),
            self._mark,
        )
        return Unanswered(reason, read=not await delivery.is_unread(ended=ended))

    def _patience(self) -> float:
        if self._head.expects_continue:
            return CONTINUE_PATIENCE
        return patience(self._exchange, self._forwarding.response_timeout)

    async def _bear_silence(self, channel: Channel) -> None:
        """Return if the worker may be silent still: it had not got the whole request."""
        if self._head.expects_continue:
            await self._continue(channel)
        elif self._pump is None:
            seconds = self._patience()
            raise Failed(504, f"{self._exchange.upstream} gave no answer in {seconds:g} s")
        elif self._pump.done:
            self._pump = None  # its end began the time anew, but only once

    async def _relay_interim(self, channel: Channel, head: ResponseHead) -> None:
        """Pass it on, once if it was asked for, as it is if not (RFC 9110 section 15.2)."""
        if head.status == 100 and self._asked_to_continue:
            if self._head.expects_continue:
                await self._continue(channel)
        elif self._head.minor:
            await self._exchange.answer(render_informational(head))

    async def _continue(self, channel: Channel) -> None:
        self._head.expects_continue = False
        await self._exchange.answer(CONTINUE)
        self._start_pump(channel)

    async def _switch(self, channel: Channel, head: ResponseHead) -> None:
        """Become a tunnel, which ends the connection as one for HTTP (RFC 9110 section 7.8)."""
        if not self._upgrade or head.upgrade != self._upgrade:
            raise self._nonsense("switched to a protocol that was not asked for")
        switch = Switch(self._exchange, self._group, self._upstream, channel)
        switch.begin(head, self._ahead)
        self._ahead = b""
        await switch.run()

    def _drop(self, head: ResponseHead) -> None:
        """Leave the answer; raises Dropped. Its connection is kept if all of it is there."""
        whole = head.keep_alive and 0 <= head.length == len(self._ahead)
        upload = self._exchange.upload
        self._reusable = whole and (upload is None or upload.finished)
        raise Dropped(head.status)

    def _nonsense(self, reason: str) -> Failed:
        reason = f"{self._exchange.upstream} answered nonsense: {reason}"
        return Failed(502, reason, invalid=True)
