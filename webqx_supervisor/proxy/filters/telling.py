"""What workers and clients are told beside the request: its id, its trace, who asks, its times."""

import os

from webqx_supervisor.core.requestid import is_request_id
from webqx_supervisor.core.tracing import FIELDS, RANDOM, begin, trace_id
from webqx_supervisor.core.wire.edits import find_value, stripper
from webqx_supervisor.core.wire.forwarded import element
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.timing import Timing

_BATCH = 128  # new traces for which random octets are fetched at once


class RequestIdFilter:
    """Shows worker and client the id under which the request is found in the log.

    One that a trusted proxy has given stays; what anybody else says there is dropped.
    """

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self._lower = self._name.lower()
        self._strip = stripper([self._lower])

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass with its id."""
        head, kept = exchange.head, exchange.head.kept
        if self._strip is not None:
            head.kept = self._strip(kept)
        if exchange.client.trusted and len(head.kept) < len(kept):
            self._take_over(exchange)
        line = b"%b: %b\r\n" % (self._name, exchange.request_id().encode())
        head.kept += line
        exchange.extra += line

    def _take_over(self, exchange: Exchange) -> None:
        given = find_value(exchange.head.block, self._lower)
        if given is not None and is_request_id(given):
            exchange.name = given.decode("ascii")


class TraceFilter:
    """Passes the client's trace on, or begins one (W3C Trace Context)."""

    def __init__(self) -> None:
        self._random: list[bytes] = []
        self._strip = stripper(FIELDS)

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass that has one well-formed traceparent."""
        head = exchange.head
        lower = b"\n" + head.kept.lower()
        at = lower.find(b"\ntraceparent:")
        if at >= 0 and lower.find(b"\ntraceparent:", at + 1) < 0:
            value = head.kept[at + len("traceparent: ") : head.kept.find(b"\r", at)]
            exchange.trace = trace_id(value)
        if exchange.trace:
            return
        if self._strip is not None and b"\ntrace" in lower:
            head.kept = self._strip(head.kept)  # a tracestate goes with its traceparent (3.3)
        if not self._random:
            drawn = os.urandom(RANDOM * _BATCH)
            self._random = [drawn[at : at + RANDOM] for at in range(0, len(drawn), RANDOM)]
        exchange.trace, traceparent = begin(self._random.pop())
        head.kept += b"traceparent: %b\r\n" % traceparent


class ForwardedFilter:
    """Tells the worker who asks by RFC 7239's Forwarded, behind what a trusted proxy has said."""

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass with its Forwarded."""
        head, peer = exchange.head, exchange.client.ip
        host, scheme = head.authority, b"http"
        own = element(peer, host, scheme, own=True)
        said = b"\n" + exchange.forwarded
        if exchange.ip != peer and b"\nForwarded:" not in said:
            host = find_value(said, b"x-forwarded-host") or host
            scheme = find_value(said, b"x-forwarded-proto") or scheme
            own = element(exchange.ip, host, scheme, own=False) + b", " + own
        exchange.forwarded += b"Forwarded: %b\r\n" % own


class TimingFilter:
    """Has the answer tell where the time went (Server-Timing), from here on."""

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass."""
        exchange.timing = Timing(exchange.gateway.reactor.now)


def hush(exchange: Exchange) -> None:
    """Let a request pass without a line in the access log."""
    exchange.quiet = True
