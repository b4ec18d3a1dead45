"""How many requests of one client are carried at once."""

from functools import partial

from webqx_supervisor.model.limits import Crowding
from webqx_supervisor.proxy.admission import one_client
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.gateway import Gateway
from webqx_supervisor.proxy.refusal import Refused

_LATER = b"Retry-After: 1\r\n"


class CrowdingFilter:
    """One limit; this proxy's requests are counted, those of one scope together."""

    def __init__(self, crowding: Crowding) -> None:
        self._most = crowding.most
        self._scope = crowding.scope

    def ask(self, exchange: Exchange) -> None:
        """Count a request in until it is over. Raises Refused (429) for one too many."""
        counts = exchange.gateway.in_flight
        key = (self._scope, one_client(exchange.ip))
        if counts[key] >= self._most:
            reason = f"this client has {self._most} requests here already, as many as it may"
            raise Refused(429, reason, _LATER)
        counts[key] += 1
        exchange.at_end(partial(_leave, exchange.gateway, key))


def _leave(gateway: Gateway, key: tuple[str, str | bytes]) -> None:
    counts = gateway.in_flight
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
