"""CORS: every answer, refusals too, says what its origin may do; preflights end here."""

from webqx_supervisor.core.cors import CorsRules
from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.model.filters import Cors
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.refusal import Refused, Settled


class CorsFilter:
    """One policy; asked before all others, so that what they refuse can be read as well."""

    def __init__(self, policy: Cors) -> None:
        self._rules = CorsRules(policy)
        self._status = policy.preflight_status

    def ask(self, exchange: Exchange) -> None:
        """Let requests pass. Raises Settled with the answer to a preflight, Refused for none."""
        head = exchange.head
        origin = find_value(head.block, b"origin")
        exchange.extra += self._rules.lines(origin)
        if head.method == b"OPTIONS" and origin is not None:
            self._answer_preflight(exchange, origin)

    def _answer_preflight(self, exchange: Exchange, origin: bytes) -> None:
        block = exchange.head.block
        method = find_value(block, b"access-control-request-method")
        if method is None:
            return  # an OPTIONS request of the application's own
        lines = self._rules.preflight(
            origin,
            method,
            find_value(block, b"access-control-request-headers") or b"",
            find_value(block, b"access-control-request-private-network") == b"true",
        )
        if not lines:
            said = origin.decode("ascii", "backslashreplace")  # it goes into the log
            raise Refused(403, f"cors lists no origin {said}")
        raise Settled(self._status, lines)
