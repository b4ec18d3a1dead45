"""From a span as a proxy tells it (core.spans) to the receiver, by OpenTelemetry's own SDK."""

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from webqx_supervisor import __version__
from webqx_supervisor.config.secretfile import kept
from webqx_supervisor.core.spans import SERVER
from webqx_supervisor.model.tracing import Told, Tracing

QUEUE = 8192
"""Spans that wait for a receiver; more are lost."""
BATCH = 512
"""Spans of one request to the receiver."""
DELAY = 1.0
"""s that a span waits for others here, beside what it has waited in its proxy."""
LAST_REQUEST, HOPELESS = 3.0, 0.5
"""s for what is still there at the end; the second where nobody has taken any lately."""
LOSSES_APART = 60.0
"""s from one word of losses to the next, while all goes well otherwise."""
LONGEST_REASON = 300

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_ERRNO = re.compile(r"\[Errno -?\d+\] ([^'\")]+)")


class Sender:
    """Sends spans on in the background; `tell` hears what becomes of them. Raises NoSecret."""

    def __init__(self, tracing: Tracing, tell: Callable[[Told], None]) -> None:
        attributes = {"service.name": tracing.service_name, "service.version": __version__}
        self._resource = Resource.create(attributes)
        self._scope = InstrumentationScope("webqx_supervisor", __version__)
        self._sent = _Exported(
            OTLPSpanExporter(
                endpoint=tracing.endpoint,
                headers=dict(_headers(tracing.headers)),
                compression=Compression.Gzip,
            ),
            tell,
        )
        self._processor = BatchSpanProcessor(
            self._sent,
            max_queue_size=QUEUE,
            schedule_delay_millis=DELAY * 1000,
            max_export_batch_size=BATCH,
        )

    def take(self, message: Mapping[str, Any]) -> None:
        """Take what a proxy tells: `spans`, and how many are `lost` already."""
        self._sent.lose(message["lost"])
        for span in message["spans"]:
            if self._sent.has_room():
                self._processor.on_end(self._span(span))

    def close(self) -> None:
        """Send all that is there, within a few seconds."""
        seconds = HOPELESS if self._sent.failing else LAST_REQUEST
        # Its own patience is half a minute.
        last = threading.Thread(target=self._processor.shutdown, daemon=True)
        last.start()
        last.join(seconds)

    def _span(self, span: Mapping[str, Any]) -> ReadableSpan:
        trace = int(span["trace"], 16)
        parent = int(span["parent"], 16) if span["parent"] else 0
        server, error = span["kind"] == SERVER, span["error"]
        return ReadableSpan(
            name=span["name"],
            context=SpanContext(
                trace, int(span["span"], 16), is_remote=False, trace_flags=_SAMPLED
            ),
            # The parent of an attempt is the request's own span.
            parent=SpanContext(trace, parent, server, _SAMPLED) if parent else None,
            resource=self._resource,
            attributes=span["attributes"],
            kind=SpanKind.SERVER if server else SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, error) if error else Status(),
            start_time=span["begin"],
            end_time=span["end"],
            instrumentation_scope=self._scope,
        )


class _Exported(SpanExporter):
    """Another exporter, of which it is known how many spans it has and what becomes of them."""

    def __init__(self, exporter: SpanExporter, tell: Callable[[Told], None]) -> None:
        self._exporter = exporter
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting = 0
        self._lost = 0
        self.failing: bool | None = None
        """The receiver has not taken the latest; None: it has not got any."""
        self._told_at = -math.inf
        self._said = _LastWords()

    def has_room(self) -> bool:
        """Count one in; False if it is one too many, and lost."""
        with self._lock:
            has_room = self._waiting < QUEUE
            self._waiting += has_room
            self._lost += not has_room
        return has_room

    def lose(self, count: int) -> None:
        """Count what is lost elsewhere."""
        with self._lock:
            self._lost += count

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them; tell it when that begins to fail, when it goes well again, what is lost."""
        with self._said.listening():
            result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        with self._lock:
            self._waiting -= len(spans)
            self._lost += len(spans) * failed
            changed, self.failing = failed != self.failing, failed
        if failed and changed:
            self._tell(Told(failing=self._said.reason()))
        elif not failed:
            self._tell_losses(at_once=changed)
        return result

    def _tell_losses(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or (self._lost and now - self._told_at >= LOSSES_APART):
            self._told_at = now
            with self._lock:
                lost, self._lost = self._lost, 0
            self._tell(Told(lost=lost))

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _LastWords(logging.Handler):
    """Keeps what the library says of a failure, instead of a line in the log for each."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._words.append(record.getMessage())

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what is said meanwhile."""
        self._words.clear()
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self)
        logger.propagate = False
        try:
            yield
        finally:
            logger.propagate = True
            logger.removeHandler(self)

    def reason(self) -> str:
        """Return why it failed, as far as that was said: that of the first attempt says most."""
        words = next(iter(self._words), "no reason is known")
        found = _ERRNO.search(words)
        return (found[1] if found else words)[:LONGEST_REASON]


def _headers(headers: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Return them with what is kept elsewhere read. Raises NoSecret."""
    for name, value in headers:
        yield name, kept(value).strip()
