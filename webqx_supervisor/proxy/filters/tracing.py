"""Has a request belong to a trace: the client's, or a new one (W3C Trace Context)."""

import os
from dataclasses import replace

from webqx_supervisor.core.tracing import (
    FIELDS,
    RANDOM,
    Parent,
    begin,
    is_chosen,
    parent_of,
    traceparent,
)
from webqx_supervisor.core.wire.edits import stripper
from webqx_supervisor.model.gateway import Route
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.spans import Spans

_BATCH = 128  # new traces for which random octets are fetched at once
_STRIP_PARENT = stripper(FIELDS[:1])
_STRIP = stripper(FIELDS)  # a tracestate goes with its traceparent (section 3.3)


class TraceFilter:
    """Passes the client's trace on as it is, or begins one."""

    def __init__(self) -> None:
        self._beginnings = Beginnings()

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass that has one well-formed traceparent."""
        head = exchange.head
        parent = parent_of(head.kept)
        if parent is None:
            head.kept = _without(head.kept, None)
            parent = self._beginnings.next()
            head.kept += traceparent(parent.trace, parent.span, sampled=True)
        exchange.trace = parent.trace


class SpansFilter:
    """Has spans recorded of requests; stands first on its route, so that refusals have one too."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._beginnings = Beginnings()

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass, as one of the trace that it comes with or of a new one.

        What a trusted proxy says of whether the trace is recorded holds; nobody else can have us
        record more, or less, than our share.
        """
        if exchange.spans is not None:  # it was held, and has another way now
            exchange.spans.route = self._route
            return
        head, share = exchange.head, exchange.gateway.tracer.share
        parent = parent_of(head.kept)
        head.kept = _without(head.kept, parent)
        own = self._beginnings.next()
        if parent is not None:
            own = replace(own, trace=parent.trace)
        exchange.trace = own.trace
        if parent is not None and exchange.client.trusted:
            chosen = parent.sampled
        else:
            chosen = is_chosen(own.trace, share)
        if chosen:
            exchange.spans = Spans(own, "" if parent is None else parent.span, self._route)
        else:
            head.kept += traceparent(own.trace, own.span, sampled=False)


class Beginnings:
    """New traces, with a span in each."""

    def __init__(self) -> None:
        self._random: list[bytes] = []

    def next(self) -> Parent:
        """Return one that has not been there before."""
        if not self._random:
            drawn = os.urandom(RANDOM * _BATCH)
            self._random = [drawn[at : at + RANDOM] for at in range(0, len(drawn), RANDOM)]
        return begin(self._random.pop())


def _without(lines: bytes, parent: Parent | None) -> bytes:
    """Return the lines without what another says of the trace in our stead."""
    if b"\ntrace" not in b"\n" + lines.lower():
        return lines
    strip = _STRIP if parent is None else _STRIP_PARENT
    assert strip is not None, "there are names"
    return strip(lines)
