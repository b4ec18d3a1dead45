"""The spans of a request while it goes on, and their way out of this process.

They go by datagrams to a process of their own, which sends them on (webqx_supervisor.exporter): so
neither its library nor a receiver that is slow costs a request anything. Nobody waits for it; what
it does not take for long is lost, and counted.
"""

import errno
import json
import random
import socket
import time
from collections.abc import Callable

from webqx_supervisor.core import spans
from webqx_supervisor.core.counting import CUT
from webqx_supervisor.core.tracing import Parent, traceparent
from webqx_supervisor.core.wire.messages import RequestHead
from webqx_supervisor.model.gateway import Route
from webqx_supervisor.model.tracing import Recording
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.exchange import CLIENT_WENT_AWAY, Exchange
from webqx_supervisor.proxy.refusal import (
    Cut,
    Dropped,
    Refused,
    Unanswered,
    Unreachable,
)
from webqx_supervisor.proxy.upstream import LiveUpstream

FLUSH_AFTER = 1.0
"""s that a span may wait for company."""
BATCH = 128
"""Spans that are sent without waiting: about 64 KiB."""
SEND_BUFFER = 256 * 1024
"""Octets of the largest datagram, if the system allows that; macOS has 2 KiB without asking."""
MOST_UNSENT = 4096
"""Spans that are kept while nobody takes them."""

_SPAN_BITS = 64


class Spans:
    """Those of one exchange; `own` is the trace with the span of the request itself."""

    __slots__ = ("_attempts", "_open", "_own", "_parent", "route")

    def __init__(self, own: Parent, parent: str, route: Route) -> None:
        self.route = route
        self._own = own
        self._parent = parent
        self._attempts: list[spans.Attempt] = []
        self._open: spans.Attempt | None = None

    def begin(
        self, exchange: Exchange, upstream: LiveUpstream, retries: int, head: RequestHead
    ) -> None:
        """Note that a worker is asked, after `retries` others."""
        self._open = spans.Attempt(
            f"{random.getrandbits(_SPAN_BITS) or 1:016x}",
            upstream.id,
            upstream.host,
            upstream.port,
            head.method,
            head.target,
            retries,
            exchange.gateway.reactor.now,
        )
        self._attempts.append(self._open)

    def line(self) -> bytes:
        """Return the field line by which the worker that is asked knows of it."""
        span = self._own.span if self._open is None else self._open.span
        return traceparent(self._own.trace, span, sampled=True)

    def failed(self, exchange: Exchange, failure: Unanswered | Refused | Dropped | Cut) -> None:
        """Note how it came to nothing."""
        attempt, self._open = self._open, None
        assert attempt is not None, "it has begun"
        attempt.ended = exchange.gateway.reactor.now
        if isinstance(failure, Dropped):
            attempt.status = failure.status
        else:
            attempt.status = exchange.status
            attempt.fault, attempt.reason = _fault(failure), failure.reason

    def ended(self, exchange: Exchange, status: int) -> None:
        """Note that the worker has answered so, or that nobody waits for an answer (0)."""
        attempt, self._open = self._open, None
        if attempt is not None:  # it has not failed before
            attempt.ended = exchange.gateway.reactor.now
            attempt.status = status
            attempt.fault = "" if status else spans.ABANDONED

    def finish(self, exchange: Exchange) -> None:
        """Hand them on: the exchange is over."""
        exchange.gateway.tracer.take(
            spans.Request(
                trace=self._own.trace,
                span=self._own.span,
                parent=self._parent,
                route=self.route.pattern or self.route.path,
                service=self.route.service,
                head=exchange.head,
                target=exchange.target,
                forwarded=exchange.forwarded,
                client=exchange.ip,
                request_id=exchange.request_id(),
                began=exchange.began,
                ended=exchange.gateway.reactor.now,
                status=exchange.status,
                sent=exchange.sent,
                fault=_fault_of_all(exchange.error),
                reason=exchange.reason,
                attempts=self._attempts,
            )
        )


class Tracer:
    """Collects the spans of all exchanges; wakes nobody when there are none."""

    def __init__(self, reactor: Reactor, wall_clock: Callable[[], float] = time.time) -> None:
        self.share = 1.0
        """Of new traces, that is recorded."""
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._way_out = _WayOut("")
        self._requests: list[spans.Request] = []
        self._unsent: list[spans.Span] = []
        self._count = 0
        self._flusher_sleeps = False
        self._lost = 0

    def follow(self, recording: Recording | None) -> None:
        """Record in this way from now on."""
        address = "" if recording is None else recording.socket
        if address != self._way_out.address:
            self.flush()
            self._way_out.close()
            self._way_out = _WayOut(address)
        if recording is None:
            self._unsent, self._lost = [], 0
        else:
            self.share = recording.sample

    def take(self, request: spans.Request) -> None:
        """Have the spans of a request told within a second or so."""
        self._requests.append(request)
        self._count += 1 + len(request.attempts)
        if self._count >= BATCH:
            self.flush()
        else:
            self._flush_later()

    def flush(self) -> None:
        """Tell all there is; what finds nobody is kept, as far as there is room."""
        requests, self._requests, self._count = self._requests, [], 0
        offset = self._wall_clock() - self._reactor.now
        unsent, self._unsent = self._unsent, []
        unsent += [span for each in requests for span in spans.spans(each, offset)]
        for at in range(0, len(unsent), BATCH):
            self._tell(unsent[at : at + BATCH])
        if self._unsent:
            self._flush_later()

    def close(self) -> None:
        """Tell what there is still; nothing more comes."""
        self.flush()
        self._way_out.close()

    def _flush_later(self) -> None:
        if not self._flusher_sleeps:
            self._flusher_sleeps = True
            self._reactor.spawn(self._flush_soon())

    async def _flush_soon(self) -> None:
        await self._reactor.sleep(FLUSH_AFTER)
        self._flusher_sleeps = False
        self.flush()

    def _tell(self, told: list[spans.Span]) -> None:
        octets = json.dumps({"lost": self._lost, "spans": told}, separators=(",", ":")).encode()
        try:
            self._way_out.send(octets)
        except OSError as error:
            if error.errno == errno.EMSGSIZE and len(told) > 1:
                half = len(told) // 2
                self._tell(told[:half])
                self._tell(told[half:])
                return
            room = 0 if error.errno == errno.EMSGSIZE else MOST_UNSENT - len(self._unsent)
            self._unsent += told[:room]
            self._lost += len(told[room:])
        else:
            self._lost = 0


class _WayOut:
    """A datagram socket to the exporter, connected once it is needed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket: socket.socket | None = None

    def send(self, octets: bytes) -> None:
        """Send a datagram if that goes at once. Raises OSError."""
        if self._socket is not None:
            try:
                self._socket.send(octets)
            except ConnectionError:
                self.close()  # there may be another one in its place
            else:
                return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._socket.connect(self.address)
            self._socket.send(octets)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _fault_of_all(error: int) -> str:
    """Return what went wrong that the status does not tell; `error` is that of an exchange."""
    if error == CLIENT_WENT_AWAY:
        return spans.CLIENT_GONE
    return spans.CUT if error == CUT else ""


def _fault(failure: Exception) -> str:
    match failure:
        case Unreachable():
            return spans.UNREACHABLE
        case Unanswered():
            return spans.UNANSWERED
        case Cut():
            return spans.CUT
        case Refused(status=504):
            return spans.TIMEOUT
    return spans.INVALID
