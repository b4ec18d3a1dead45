"""The daemon's part: when it looks, what it does, and what it says of it."""

from contextlib import asynccontextmanager
from dataclasses import replace

import psutil
import pytest
import trio
from fakes import service, supervised
from helpers import auntil, free_ports

from webqx_supervisor.core.headroom import MIB
from webqx_supervisor.daemon import autoscale
from webqx_supervisor.daemon.autoscale import Autoscaling
from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.link import Count, Queue, Report

GROWS = Autoscale(min=1, max=3, target_in_flight=8)
SLEEPS = Autoscale(min=0, max=1, idle=30)
PLENTY = 10**12


class Proxies:
    """What the proxies report: requests in flight at each worker, and in the queue."""

    def __init__(self, api):
        self.api = api
        self.asked = 0
        self.in_flight = self.queued = 0
        self.silent = False

    async def survey(self):
        await trio.lowlevel.checkpoint()
        self.asked += 1
        counts = [Count(worker.identity, self.in_flight, 0) for worker in self.api.workers.values()]
        queues = (Queue("api", self.queued, 0.5),) if self.queued else ()
        report = Report(1, 99, 0, 0, tuple(counts), queues)
        return ([], False) if self.silent else ([report], True)


class Scene:
    def __init__(self, stage, api):
        self.api, self.registry = api, stage.resources.registry
        self.proxies = Proxies(api)
        self.memory = (PLENTY, PLENTY)
        self.scaling = Autoscaling(
            lambda: [api], self.proxies.survey, self.registry, lambda: self.memory
        )

    def events(self):
        return [each.text for each in self.registry.events() if each.kind == "autoscale"]

    async def until(self, condition):
        with trio.fail_after(20):
            await self.registry.until(condition)

    def status(self):
        return self.scaling.status(self.api)


@asynccontextmanager
async def scene(stage, policy, **more):
    wanted = replace(service(port=free_ports(), **more), autoscale=policy)
    async with supervised(wanted, stage) as api, trio.open_nursery() as nursery:
        found = Scene(stage, api)
        nursery.start_soon(found.scaling.run)
        yield found
        nursery.cancel_scope.cancel()


async def test_a_queue_brings_another_worker_at_once_and_the_event_says_why(stage):
    async with scene(stage, GROWS) as found:
        await found.api.start()
        await found.api.settle()
        found.proxies.queued = 4
        found.scaling.requests_wait(["api"])
        await found.until(lambda: len(found.api.workers) == 2)
        (event,) = found.events()
        assert event.startswith("from 1 to 2: 4 waiting, the first for 0.5 s; ")
        assert found.status().decided == event


async def test_where_the_memory_has_no_room_it_stays_and_says_so_once(stage, monkeypatch):
    monkeypatch.setattr(autoscale, "HELD_LOOK", 0.0)
    async with scene(stage, GROWS) as found:
        await found.api.start()
        await found.api.settle()
        first = psutil.Process(found.api.workers[1].pid)
        await auntil(lambda: first.status() == psutil.STATUS_SLEEPING)  # it has its memory
        found.memory = (1000 * MIB, 64 * MIB)
        found.proxies.queued = 4
        for look in range(3):
            asked = found.proxies.asked
            found.scaling.requests_wait(["api"])
            await auntil(lambda seen=asked: found.proxies.asked > seen)
            await found.until(lambda: found.status().held)
            assert len(found.api.workers) == 1, look
        (event,) = found.events()
        assert event.startswith("stays at 1: a worker takes ")
        assert event.endswith("M, 0M are available")
        assert found.status().held in event
        found.memory = (1000 * MIB, 900 * MIB)
        found.scaling.requests_wait(["api"])
        await found.until(lambda: len(found.api.workers) == 2)
        assert found.status().held == ""


async def test_below_min_the_memory_is_not_asked(stage):
    async with scene(stage, replace(GROWS, min=2)) as found:
        found.memory = (1000 * MIB, 0)
        await found.api.start()
        found.scaling.requests_wait(["api"])
        await found.until(lambda: len(found.api.workers) == 2)


async def test_nobody_asks_about_what_sleeps_and_a_request_wakes_it(stage, mock_clock):
    async with scene(stage, SLEEPS, instances=0) as found:
        await found.api.start(by_hand=False)
        assert found.api.state == "ASLEEP"
        assert found.api.expecting
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(10_000)
        await trio.testing.wait_all_tasks_blocked()
        assert found.proxies.asked == 0
        found.proxies.queued = 1
        found.scaling.requests_wait(["api"])
        await found.until(lambda: found.api.wanted)
        assert found.events() == ["from 0 to 1: a request waits"]


async def test_the_proxies_are_asked_once_in_5_s_while_nothing_comes(stage, mock_clock):
    async with scene(stage, replace(SLEEPS, idle=120.0)) as found:
        await found.api.start()
        await found.api.settle()
        began = trio.current_time()
        while found.api.wanted:
            mock_clock.jump(1.0)
            await trio.testing.wait_all_tasks_blocked()
        assert 120 <= trio.current_time() - began <= 130
        assert found.events() == ["from 1 to 0: no request for 2m"]
        assert 20 <= found.proxies.asked <= 27


async def test_who_is_waited_for_is_woken_even_if_a_proxy_says_nothing(stage):
    async with scene(stage, SLEEPS, instances=0) as found:
        await found.api.start(by_hand=False)
        found.proxies.silent = True
        found.scaling.requests_wait(["api"])
        await found.until(lambda: found.api.workers)
        assert found.events() == ["from 0 to 1: a request waits"]


async def test_nobody_leaves_while_a_proxy_says_nothing(stage, mock_clock):
    async with scene(stage, replace(GROWS, cooldown=10), instances=2) as found:
        await found.api.start()
        await found.api.settle()
        found.proxies.silent = True
        for _ in range(30):
            mock_clock.jump(5.0)
            await trio.testing.wait_all_tasks_blocked()
        assert found.proxies.asked >= 20
        assert found.api.wanted == 2
        found.proxies.silent = False
        mock_clock.jump(5.0)
        await found.until(lambda: found.api.wanted == 1)


async def test_what_is_stopped_is_left_alone(stage):
    async with scene(stage, SLEEPS) as found:
        found.proxies.queued = 1
        found.scaling.requests_wait(["api"])
        await auntil(lambda: found.proxies.asked)
        assert found.api.workers == {}
        assert found.api.state == "STOPPED"


async def test_it_grows_while_those_that_leave_still_drain(stage):
    stage.idle = trio.Event()
    async with supervised(service(port=free_ports(), instances=2), stage) as api:
        await api.start()
        await api.settle()
        assert api.resize(1)
        (leaving,) = api.passing
        assert api.resize(3)
        await stage.until(lambda: sorted(api.workers) == [1, 2, 3])
        assert leaving in api.passing or leaving.gone.is_set()


async def test_while_a_verb_is_carried_out_nothing_is_resized(stage):
    async with supervised(service(port=free_ports()), stage) as api:
        await api.start()
        await api.settle()
        stage.prober.accepting = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(api.reload)
            await stage.until(lambda: bool(api.passing))
            assert not api.resize(2)
            stage.prober.accepting.set()
        assert api.resize(2)


@pytest.mark.parametrize("policy", [None, GROWS])
async def test_only_what_scales_shows_it(stage, policy):
    async with scene(stage, policy) as found:
        status = found.status()
        assert (status is None) == (policy is None)
        if status is not None:
            assert (status.min, status.max, status.decided) == (1, 3, "")
