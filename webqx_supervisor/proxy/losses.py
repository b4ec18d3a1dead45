"""Requests that a worker took along when it broke off: the daemon is told, in case it died.

Most often it did. When it only closed a connection, the daemon never asks.
"""

from webqx_supervisor.core.balancing.hashing import fingerprint
from webqx_supervisor.model.evidence import LostRequest
from webqx_supervisor.model.link import Lost, Survived
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.refusal import Refused

MOST = 50
"""Requests of one worker that are told of."""
VERDICT_TIME = 0.05
"""s that a request waits which has lost two workers: the daemon may have something against it."""
LONGEST_TARGET = 200


def note(exchange: Exchange) -> None:
    """Take in that the worker of this exchange broke off."""
    gateway, head = exchange.gateway, exchange.head
    gateway.losses[exchange.upstream] += 1
    if gateway.losses[exchange.upstream] > MOST:
        return
    request = LostRequest(
        method=head.method.decode("latin-1"),
        target=exchange.target.decode("latin-1")[:LONGEST_TARGET],
        age_s=round(gateway.reactor.now - exchange.began, 3),
        request_id=exchange.request_id(),
        fingerprint=identify(exchange),
    )
    gateway.tell(Lost(exchange.upstream, request))


def judge(exchange: Exchange, group: Group) -> None:
    """Let pass what may be tried. Raises Refused."""
    if identify(exchange) in group.quarantined:
        raise Refused(
            500,
            f"worker after worker of {group.service} died over this request, so it is refused; "
            f"see webqx-sv why {group.service}",
        )


def clear(exchange: Exchange, group: Group) -> None:
    """Take in that a worker has survived this exchange."""
    name = identify(exchange)
    if name in group.suspects:
        group.suspects = group.suspects - {name}
        exchange.gateway.tell(Survived(group.service, name))


def identify(exchange: Exchange) -> str:
    """Return a name for all requests like this one: method, host, target, length of the body."""
    head = exchange.head
    whole = b"%b %b %b %d" % (head.method, head.host, exchange.target, head.length)
    return f"{fingerprint(whole):016x}"
