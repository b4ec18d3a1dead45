"""What workers and clients are told beside the request: its id, who asks, its times."""

from webqx_supervisor.core.requestid import is_request_id
from webqx_supervisor.core.wire.edits import find_value, stripper
from webqx_supervisor.core.wire.forwarded import element
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.timing import Timing


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
