"""What is wanted and what is seen, put together into the table that the proxies follow."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.auth import Credentials
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Listener,
    Route,
    Table,
    UpstreamGroup,
)
from webqx_supervisor.model.tracing import Recording

Suspects = Callable[[str], tuple[tuple[str, ...], tuple[str, ...]]]
"""Gives the suspect and the refused requests of a service."""


def _nobody(_: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (), ()


def build(
    version: int,
    config: Config,
    supervisors: Iterable[Supervisor],
    suspects: Suspects = _nobody,
    credentials: tuple[Credentials, ...] = (),
    spans: str = "",
) -> Table:
    """Return the table of this moment; spans go to the socket at `spans`."""
    forwardings, balances = dict(config.forwardings), dict(config.balances)
    breakers = dict(config.breakers)
    groups = tuple(
        replace(
            _group(
                supervisor,
                forwardings.get(supervisor.service.name, Forwarding()),
                balances.get(supervisor.service.name, Balance()),
                suspects(supervisor.service.name),
            ),
            breaker=breakers.get(supervisor.service.name),
        )
        for supervisor in supervisors
    )
    listeners = tuple(_share(each, config.proxies) for each in config.listeners if not each.handed)
    routes = (*config.routes, *_last_ways(config))
    recording = Recording(spans, config.tracing.sample) if config.tracing is not None else None
    return Table(version, listeners, routes, groups, credentials, config.access_log, recording)


def _last_ways(config: Config) -> Iterator[Route]:
    """Give routes for who was accepted by a proxy before the workers began to accept themselves."""
    return (Route(each.name, each.name) for each in config.listeners if each.handed)


def _share(listener: Listener, proxies: int) -> Listener:
    """Divide what all proxies together may have; rounded up, so that nobody gets none."""
    most = -(-listener.limits.max_connections // proxies)
    return replace(listener, limits=replace(listener.limits, max_connections=most))


def _group(
    supervisor: Supervisor,
    forwarding: Forwarding,
    balance: Balance,
    suspects: tuple[tuple[str, ...], tuple[str, ...]],
) -> UpstreamGroup:
    weights = dict(balance.weights)
    return UpstreamGroup(
        service=supervisor.service.name,
        upstreams=tuple(
            replace(
                upstream,
                weight=weights.get(worker.instance, 1),
                backup=worker.instance in balance.backup,
            )
            for worker in supervisor.everyone
            if (upstream := worker.upstream) is not None
        ),
        forwarding=forwarding,
        expecting=supervisor.expecting,
        reason=supervisor.reason,
        balance=balance,
        suspects=suspects[0],
        quarantined=suspects[1],
        # Nothing could be done about a remote one that hangs but what its probes do already.
        autoscaled=supervisor.service.autoscale is not None,
        asleep=supervisor.asleep,
        hang_timeout=0.0 if supervisor.service.remote else supervisor.service.health.hang_timeout,
    )
