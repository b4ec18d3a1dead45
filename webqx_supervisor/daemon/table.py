"""What is wanted and what is seen, put together into the table that the proxies follow."""

from collections.abc import Iterable

from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Forwarding, Table, UpstreamGroup


def build(version: int, config: Config, supervisors: Iterable[Supervisor]) -> Table:
    """Return the table of this moment."""
    forwardings = dict(config.forwardings)
    groups = tuple(
        _group(supervisor, forwardings.get(supervisor.service.name, Forwarding()))
        for supervisor in supervisors
    )
    return Table(version, config.listeners, config.routes, groups)


def _group(supervisor: Supervisor, forwarding: Forwarding) -> UpstreamGroup:
    upstreams = (worker.upstream for worker in supervisor.everyone)
    return UpstreamGroup(
        service=supervisor.service.name,
        upstreams=tuple(upstream for upstream in upstreams if upstream is not None),
        forwarding=forwarding,
        expecting=supervisor.expecting,
        reason=supervisor.reason,
    )
