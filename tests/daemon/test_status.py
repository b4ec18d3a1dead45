"""Figures: CPU use between two looks, and the survey of real workers."""

import os

import pytest
from fakes import service
from helpers import auntil, free_port

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.proxies import Proxies
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.status import CpuMeter, Survey, worst
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Listener, Route, Table
from webqx_supervisor.model.resilience import BreakerState
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process.usage import sample

OPEN, HALF_OPEN, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED


def test_the_first_look_covers_the_whole_life():
    assert CpuMeter().percent(7, cpu_seconds=5, born=0, now=10) == 50.0


def test_the_next_look_covers_the_time_between():
    meter = CpuMeter()
    meter.percent(7, 5, born=0, now=10)
    assert meter.percent(7, 6, born=0, now=12) == 50.0


def test_two_looks_in_quick_succession_give_the_same():
    meter = CpuMeter()
    meter.percent(7, 5, born=0, now=10)
    assert meter.percent(7, 5.5, born=0, now=10.5) == 50.0


def test_a_recycled_pid_inherits_nothing():
    meter = CpuMeter()
    meter.percent(7, 9, born=0, now=10)
    assert meter.percent(7, 0.1, born=11, now=11.5) == 0.0
    assert meter.percent(7, 0.5, born=11, now=12) == 50.0


def test_who_is_forgotten_is_met_anew():
    meter = CpuMeter()
    meter.percent(7, 9, born=0, now=10)
    meter.forget_all_but([8])
    assert meter.percent(7, 10, born=0, now=20) == 50.0


async def test_the_survey_shows_a_worker_as_it_is(stage, nursery):
    port = free_port()
    config = Config(
        "name",
        "/services.toml",
        services=(service(port=port),),
        listeners=(Listener("web", ("127.0.0.1:80",)), Listener("else", ("127.0.0.1:81",))),
        routes=(Route("web", "api"),),
    )
    registry, store = stage.resources.registry, FdStore("")
    sockets = ListeningSockets(store, registry)
    services = Services(config, stage.resources, sockets)
    proxies = Proxies(Table, sockets, store, registry, [])
    await nursery.start(services.run)
    (supervisor,) = services.all()
    try:
        await supervisor.start()
        await stage.until(lambda: supervisor.workers[1].state is WorkerState.RUNNING)
        # Between exec and its first page faults a process truly holds no memory.
        await auntil(lambda: sample(supervisor.workers[1].pid).rss_bytes > 0)
        status = await Survey(services, proxies, stage.resources, lambda: 42).take()
        (row,) = status.services
        assert (row.name, row.instances, row.listen) == ("api", 1, ("127.0.0.1:80",))
        (worker,) = row.workers
        assert (worker.pid, worker.port) == (supervisor.workers[1].pid, port)
        assert worker.rss_bytes > 0
        assert (status.daemon.pid, status.daemon.keeper_pid) == (os.getpid(), 42)
    finally:
        services.close()
        await services.gone.wait()


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([], None),
        ([None, None], None),
        ([None, CLOSED], CLOSED),
        ([CLOSED, HALF_OPEN], HALF_OPEN),
        ([HALF_OPEN, OPEN, CLOSED], OPEN),
    ],
)
def test_of_several_proxies_the_breaker_that_lets_least_through_is_shown(states, shown):
    assert worst(states) is shown
