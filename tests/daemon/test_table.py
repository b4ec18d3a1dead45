"""The table of this moment, from real supervisors and workers."""

from fakes import service, supervised
from helpers import free_port

from webqx_supervisor.daemon.table import build
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import (
    Forwarding,
    Listener,
    Route,
    UpstreamState,
    worker_id,
)
from webqx_supervisor.model.status import WorkerState

FORWARDING = Forwarding(queue_size=7)
CONFIG = Config(
    "name",
    "/services.toml",
    listeners=(Listener("web", ("127.0.0.1:80",)),),
    routes=(Route("web", "api"),),
    forwardings=(("api", FORWARDING),),
)


async def test_a_running_worker_is_an_upstream_and_one_that_starts_is_none(stage):
    port = free_port()
    async with supervised(service(port=port), stage) as supervisor:
        await supervisor.start()
        (group,) = build(1, CONFIG, [supervisor]).groups
        assert group.upstreams == ()
        assert group.expecting
        worker = supervisor.workers[1]
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        (group,) = build(2, CONFIG, [supervisor]).groups
        (upstream,) = group.upstreams
        assert upstream.id == worker_id("api", 1, worker.pid)
        assert (upstream.port, upstream.state) == (port, UpstreamState.UP)


async def test_the_table_carries_version_listeners_routes_and_the_services_own_policy(stage):
    async with supervised(service(port=free_port()), stage) as supervisor:
        table = build(3, CONFIG, [supervisor])
        assert (table.version, table.listeners, table.routes) == (
            3,
            CONFIG.listeners,
            CONFIG.routes,
        )
        assert table.groups[0].forwarding == FORWARDING


async def test_a_stopped_service_is_refused_at_once_and_with_a_reason(stage):
    async with supervised(service(port=free_port()), stage) as supervisor:
        (group,) = build(1, CONFIG, [supervisor]).groups
        assert not group.expecting
        assert group.reason == "stopped"


async def test_an_unhealthy_worker_drains_and_a_healthy_one_is_up_again(stage):
    async with supervised(service(port=free_port()), stage) as supervisor:
        await supervisor.start()
        worker = supervisor.workers[1]
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        states = []
        for healthy in (False, True):
            worker.judged(healthy=healthy, reason="says so")
            states.append(build(1, CONFIG, [supervisor]).groups[0].upstreams[0].state)
        assert states == [UpstreamState.DRAINING, UpstreamState.UP]
