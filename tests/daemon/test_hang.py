import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psutil
import pytest
import trio
from fakes import SLEEP, Scene, service
from helpers import until
from test_monitor import ILL, REFUSED, SILENT, WELL

from webqx_supervisor.daemon.hang import HangWatch
from webqx_supervisor.daemon.launch import Started
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.model.gateway import worker_id
from webqx_supervisor.model.link import Count
from webqx_supervisor.model.service import Health
from webqx_supervisor.process import spawn


@dataclass
class Traffic:
    """What the proxies say: how long the worker and its peer have been silent, in s."""

    mine: float = 40.0
    peers: float = 0.0
    known: bool = True
    worker: str = ""
    said: trio.MemorySendChannel = field(init=False)
    _heard: trio.MemoryReceiveChannel = field(init=False)

    def __post_init__(self) -> None:
        self.said, self._heard = trio.open_memory_channel(10)

    async def counts(self) -> tuple[Count, ...] | None:
        await trio.lowlevel.checkpoint()
        now = time.monotonic()
        mine = Count(self.worker, 2, 0, 2, self.mine, now - self.mine)
        peer = Count("api:2@2", 1, 9, 1, heard_at=now - self.peers)
        return (mine, peer) if self.known else None

    async def silence(self, upstream: str) -> None:
        assert upstream == self.worker
        await self._heard.receive()


@pytest.fixture
async def traffic() -> Traffic:
    return Traffic()


async def watch(
    stage: Scene,
    traffic: Traffic,
    *answers: Answer,
    health: Health | None = None,
    meanwhile: Callable[[int], object] = lambda _: None,
    command: tuple[str, ...] = SLEEP,
) -> str | None:
    """Let these be the answers to the checks, each after a silence that is told; return why."""
    left = list(answers)

    def answer() -> Answer:
        meanwhile(process.pid)
        return left.pop(0)

    process = await spawn.start(spawn.Launch(command, "/", os.environ, stdout=1, stderr=2))
    traffic.worker = worker_id("api", 1, process.pid)

    stage.prober.answer = answer
    resources = replace(stage.resources, counts=traffic.counts, silence=traffic.silence)
    worker = Place(replace(service(port=1), health=health or Health()))
    started = Started(process, "no cookie", trio.current_time(), 0.0)
    for _ in answers:
        traffic.said.send_nowait(None)
    reasons = []

    async def until_hung() -> None:
        reasons.append(await HangWatch(worker, started, resources).until_hung(1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(until_hung)
        await stage_is_quiet(traffic, lambda: bool(reasons))
        nursery.cancel_scope.cancel()
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    return reasons[0] if reasons else None


@dataclass
class Place:
    service: object
    instance: int = 1


async def stage_is_quiet(traffic: Traffic, done: Callable[[], bool]) -> None:
    """Wait until the watch has condemned, or waits for word of a silence and there is none."""
    with trio.fail_after(20):
        while not done():
            stats = traffic._heard.statistics()
            if stats.tasks_waiting_receive and not stats.current_buffer_used:
                return
            await trio.sleep(0.001)


async def test_one_that_answers_nothing_while_its_peers_do_hangs(stage, traffic):
    reason = await watch(stage, traffic, SILENT)
    assert reason == "no byte for 40.0 s of 2 requests while its peers answered"


@pytest.mark.parametrize("answer", [WELL, ILL, REFUSED])
async def test_one_that_answers_the_check_whatever_it_says_does_not_hang(stage, traffic, answer):
    assert await watch(stage, traffic, answer, answer) is None


async def test_it_is_judged_again_at_the_next_word(stage, traffic):
    assert await watch(stage, traffic, WELL, WELL, SILENT) is not None


async def test_while_its_peers_are_silent_it_is_not_even_asked(stage, traffic):
    traffic.peers = 20.0
    assert await watch(stage, traffic, SILENT, SILENT) is None
    assert stage.prober.answer() is SILENT  # both are left


async def test_one_that_gives_others_an_octet_during_the_check_is_spared(stage, traffic):
    def answers(_: int) -> None:
        traffic.mine = 0.1

    assert await watch(stage, traffic, SILENT, meanwhile=answers) is None


async def test_without_the_figures_of_all_proxies_nobody_is_judged(stage, traffic):
    traffic.known = False
    assert await watch(stage, traffic, SILENT) is None


async def test_word_of_a_proxy_that_does_not_know_yet_that_it_is_off_changes_nothing(
    stage, traffic
):
    assert await watch(stage, traffic, SILENT, health=Health(hang_timeout=0.0)) is None


async def test_one_that_burns_cpu_is_spared_for_its_patience(stage, traffic):
    def burn(pid: int) -> None:
        (child,) = until(psutil.Process(pid).children)
        before = child.cpu_times().user
        until(lambda: child.cpu_times().user > before)

    async def busy() -> str | None:
        loop = ("sh", "-c", "sh -c 'while :; do :; done'; :")  # as commands that wrap others do
        health = Health(patience=60)
        return await watch(stage, traffic, SILENT, health=health, meanwhile=burn, command=loop)

    assert await busy() is None
    traffic.mine = 61.0
    assert await busy() is not None
