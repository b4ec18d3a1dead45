"""One request and its answer, from the head to the last octet and the line in the access log."""

from collections.abc import Callable
from typing import Any, Protocol

from webqx_supervisor.core.counting import CUT, RETRIES
from webqx_supervisor.core.pages import Pages
from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.core.wire.messages import RequestHead, ResponseHead
from webqx_supervisor.core.wire.writer import (
    ALLOW,
    render_error,
    render_error_page,
    render_own_head,
)
from webqx_supervisor.net.channel import Broken, Stalled
from webqx_supervisor.proxy.accesslog import Record
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.meters import RouteMeter, WorkerMeter
from webqx_supervisor.proxy.refusal import Cut, Refused, Settled
from webqx_supervisor.proxy.timing import Timing
from webqx_supervisor.proxy.upload import Upload

CLIENT_WENT_AWAY = 499
"""The status in the log of a request whose client did not wait for one (nginx' word for it)."""
NO_ERROR = -1


class Encoder(Protocol):
    """Takes content, gives it encoded; what it holds back comes with `flush` or `finish`."""

    def encode(self, content: bytes) -> bytes:
        """Return what there is by now."""

    def flush(self) -> bytes:
        """Return all of what has been taken, so that the client can decode it."""

    def finish(self) -> bytes:
        """Return the rest; nothing is taken any more."""


class Compressing(Protocol):
    """Says whether an answer is to be encoded."""

    def encoder(self, head: ResponseHead, exchange: "Exchange") -> Encoder | None:
        """Return what encodes the body that follows, and change the head so; None: nothing does."""


class Exchange:
    """What is known of one exchange; forward() and relay_answer() fill it in as they go."""

    __slots__ = (
        "began",
        "claims",
        "client",
        "coding",
        "compress",
        "endings",
        "endless",
        "error",
        "extra",
        "forwarded",
        "gateway",
        "handed",
        "head",
        "ip",
        "keep",
        "led",
        "meter",
        "name",
        "number",
        "pages",
        "quiet",
        "reason",
        "retries",
        "sent",
        "spans",
        "status",
        "strip",
        "target",
        "timing",
        "trace",
        "upload",
        "upstream",
        "worker",
    )

    def __init__(  # noqa: PLR0915 - a statement for each attribute
        self, gateway: Gateway, client: Client, head: RequestHead
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.head = head
        self.keep = False
        """The client's connection is good for another request."""
        self.upload: Upload | None = None
        """The body, if there is one."""
        self.status = 0
        """Of the answer whose head has been sent; 0 before."""
        self.sent = 0
        """Octets of the answer's body that have been sent."""
        self.extra = b""
        """Whole field lines of every answer, whoever gives it."""
        self.led = b""
        """The line by which the client comes back to this worker."""
        self.strip: Callable[[bytes], bytes] | None = None
        """Takes out of the lines of a worker's answer what is not its to say."""
        self.compress: Compressing | None = None
        """Has a worker's answer encoded, if it is worth it."""
        self.coding: bytes | None = None
        """How; None: the client takes none."""
        self.pages: Pages | None = None
        """What people see of a refusal; None: plain text."""
        self.quiet = False
        """It has no line in the access log."""
        self.claims: dict[str, Any] | None = None
        """What is known of who asks: what a token says, or the name as `sub`; None: nothing."""
        self.endings: list[Callable[[], None]] | None = None
        """What is to be done when it is over, however it ends; see at_end()."""
        self.ip = client.ip
        """Who asks."""
        self.forwarded = client.forwarded
        """The lines that tell the worker so."""
        self.target = head.target
        """As the client wrote it."""
        self.name = ""
        """The id that somebody in front has given the request; empty: it has that of the log."""
        self.trace = ""
        """The trace that it belongs to, if that is of interest."""
        self.spans: Any = None
        """Its Spans (proxy.spans), if they are recorded."""
        self.timing: Timing | None = None
        """Where its time goes, if that is of interest."""
        self.meter: RouteMeter | None = None
        self.worker: WorkerMeter | None = None
        """What counts it: for its route, once that is known, and for the worker that has it."""
        self.endless = self.handed = False
        """It is a tunnel or an event stream; another proxy goes on with it, and counts it."""
        self.error = NO_ERROR
        """What the proxy had to say itself: a status, or CUT."""
        self.upstream = self.reason = ""
        self.retries = 0
        self.began = gateway.reactor.now
        self.number = client.request = gateway.log.next_request()

    def request_id(self) -> str:
        """Return the name under which the request is found in the log, and shown to the client."""
        return self.name or self.gateway.log.request_id(self.number)

    def may_keep(self) -> bool:
        """Say whether the connection could carry another request after this one, as of now."""
        whole = self.upload.finished if self.upload is not None else not self.head.length
        return whole and self.head.keep_alive and not self.gateway.leaving

    async def answer(self, octets: bytes) -> None:
        """Send a part of the answer. Raises Broken."""
        await self.client.channel.send_all(octets, self.client.door.limits.write_timeout)

    async def refuse(self, refused: Refused) -> None:
        """Answer the request here. Raises Broken, and Cut when it is too late for that."""
        if self.status:
            raise Cut(refused.reason)
        self.keep = self.may_keep()
        self.worker = None
        self.error = refused.status
        self.reason = refused.reason
        await self.answer(self._refusal(refused))
        self.status = refused.status

    def _refusal(self, refused: Refused) -> bytes:
        request_id = self.request_id()
        extra = self.gateway.date() + refused.extra + self.extra
        if self.timing is not None:
            extra += self.timing.line(self.gateway.reactor.now)
        close, head_only = not self.keep, self.head.method == b"HEAD"
        if self.pages is not None:
            accept = find_value(self.head.block, b"accept")
            page = self.pages.page(refused.status, accept, refused.reason, request_id)
            if page is not None:
                return render_error_page(
                    refused.status,
                    page,
                    request_id=request_id,
                    close=close,
                    head_only=head_only,
                    extra=extra,
                )
        return render_error(
            refused.status,
            request_id=request_id,
            reason=refused.reason,
            close=close,
            head_only=head_only,
            extra=extra,
        )

    async def settle(self, settled: Settled) -> None:
        """Answer the request here, with nothing wrong about it. Raises Broken."""
        self.keep = self.may_keep()
        content = b"" if settled.status in (204, 304) else settled.body
        body = b"" if self.head.method == b"HEAD" else content
        self.status, self.sent = settled.status, len(body)
        head = render_own_head(
            settled.status,
            len(content),
            settled.content_type,
            close=not self.keep,
            extra=self.gateway.date() + settled.lines + self.extra,
        )
        await self.answer(head + body)

    async def answer_options(self) -> None:
        """Answer a request that asks the server as such (RFC 9110 section 9.3.7)."""
        self.keep = self.may_keep()
        close = b"" if self.keep else b"Connection: close\r\n"
        self.status = 204
        await self.answer(
            b"HTTP/1.1 204 No Content\r\n" + self.gateway.date() + ALLOW + close + b"\r\n"
        )

    def cut(self, reason: str) -> None:
        """End the connection so that the client cannot take what it got for the whole."""
        self.keep = False
        self.error = CUT
        self.reason = reason
        self.client.channel.abort()

    def lost(self, broken: Broken) -> None:
        """Note that the client can no longer be reached."""
        self.keep = False
        self.error = CLIENT_WENT_AWAY
        self.reason = f"client: {broken}"
        if isinstance(broken, Stalled):
            self.client.channel.abort()

    def at_end(self, action: Callable[[], None]) -> None:
        """Have something done when it is over, however it ends."""
        if self.endings is None:
            self.endings = []
        self.endings.append(action)

    def end(self) -> None:
        """Do what is to be done in the end, and write the line of the access log."""
        if self.endings is not None:
            for each in self.endings:
                each()
        self.record()
        if self.spans is not None:
            self.spans.finish(self)

    def count_as(self, meter: RouteMeter) -> None:
        """Take in where it is counted from now on."""
        if self.meter is not None:
            self.meter.leave()
        self.meter = meter
        meter.enter()

    def _count(self, status: int) -> None:
        """Have it counted, now that it is over here."""
        meter = self.meter
        if meter is None:
            meter = self.gateway.meters.stray
        else:
            meter.leave()
        sent = 0 if status == 101 else self.sent  # what a tunnel carries, it counts by itself
        if self.handed:
            meter.carried(0, sent)
            return
        took, timed = self.gateway.reactor.now - self.began, not self.endless
        meter.ended(status, took, sent, timed)
        if self.worker is not None and self.status:
            self.worker.answered(status, took, timed)
        if self.retries:
            meter.add(RETRIES, self.retries)
        if self.error != NO_ERROR:
            meter.failed(self.error)
        if self.upload is not None:
            meter.carried(self.upload.received(), 0)

    def record(self) -> None:
        """Count it, and write the line of the access log."""
        status = self.status or CLIENT_WENT_AWAY
        if not self.status and not self.reason:
            self.error, self.reason = CLIENT_WENT_AWAY, "the client went away"
        self._count(status)
        name = self.name
        if self.trace:
            name = f"{self.request_id()},{self.trace}"
        self.gateway.requests += 1
        if self.quiet:
            return
        log = self.gateway.log
        log.record(
            Record(
                self.gateway.reactor.now,
                self.began,
                self.ip,
                self.head.method,
                self.target,
                status,
                self.sent,
                self.upstream,
                self.number,
                self.retries,
                self.reason,
                name,
                self.head if log.wants_heads else None,
                self.claims,
            )
        )
