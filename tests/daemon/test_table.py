"""The table of this moment, from real supervisors and workers."""

import time
from dataclasses import replace

from fakes import service, supervised
from helpers import free_port

from webqx_supervisor.daemon.table import build
from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Limits,
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
        assert table.groups[0].hang_timeout == supervisor.service.health.hang_timeout > 0


def test_what_workers_accept_on_is_no_listener_but_who_was_accepted_finds_the_service():
    handed = Listener("api", ("127.0.0.1:81",), handed=True)
    config = replace(CONFIG, listeners=(*CONFIG.listeners, handed))
    table = build(1, config, [])
    assert table.listeners == CONFIG.listeners
    assert table.routes == (*CONFIG.routes, Route("api", "api"))
    assert config.listeners_of("api") == {"web", "api"}


async def test_a_stopped_service_is_refused_at_once_and_with_a_reason(stage):
    async with supervised(service(port=free_port()), stage) as supervisor:
        (group,) = build(1, CONFIG, [supervisor]).groups
        assert not group.expecting
        assert group.reason == "stopped"


async def test_a_sleeper_is_expected_by_those_who_wait_for_it(stage):
    sleeper = replace(service(port=free_port()), instances=0, autoscale=Autoscale(min=0, max=1))
    async with supervised(sleeper, stage) as supervisor:
        (group,) = build(1, CONFIG, [supervisor]).groups
        assert (group.autoscaled, group.asleep, group.expecting) == (True, False, False)
        await supervisor.start(by_hand=False)
        (group,) = build(1, CONFIG, [supervisor]).groups
        assert (group.autoscaled, group.asleep, group.expecting) == (True, True, True)
        await supervisor.scale(1)
        (group,) = build(1, CONFIG, [supervisor]).groups
        assert (group.asleep, group.expecting or bool(group.upstreams)) == (False, True)


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


def test_each_proxy_is_told_its_share_of_the_connections_rounded_up():
    limits = [Limits(max_connections=most) for most in (1000, 1, 0)]
    listeners = tuple(
        Listener(f"l{n}", ("127.0.0.1:80",), limits=each) for n, each in enumerate(limits)
    )
    table = build(1, replace(CONFIG, proxies=3, listeners=listeners), [])
    assert [each.limits.max_connections for each in table.listeners] == [334, 1, 0]


async def test_weights_and_backups_go_by_instance_and_newcomers_say_since_when(stage):
    balance = Balance(weights=((2, 5),), backup=(3,), slow_start=10)
    config = replace(CONFIG, balances=(("api", balance),))
    before = time.monotonic()
    async with supervised(service(port=free_port(), instances=3), stage) as supervisor:
        await supervisor.start()
        await stage.until(
            lambda: all(each.state is WorkerState.RUNNING for each in supervisor.everyone)
        )
        (group,) = build(1, config, [supervisor]).groups
        assert group.balance == balance
        assert [each.weight for each in group.upstreams] == [1, 5, 1]
        assert [each.backup for each in group.upstreams] == [False, False, True]
        assert all(before <= each.ready_at <= time.monotonic() for each in group.upstreams)
