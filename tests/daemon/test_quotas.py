"""The watch over what trees use: real processes, and intervals that a test can wait for."""

import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from fakes import service, supervised
from helpers import auntil

from webqx_supervisor.core import quota as rules
from webqx_supervisor.daemon.quotas import QuotaWatch
from webqx_supervisor.daemon.rolling import Rolling
from webqx_supervisor.model.quota import Quota
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process.cgroups import Ground

PAUSE = "import signal; signal.pause()"
BUSY = (sys.executable, "-I", "-S", "-c", "while True: pass")
SHELL = ("sh", "-c", "sleep 600 & sleep 600 & sleep 600 & wait")


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(rules, "INTERVAL", 0.1)
    monkeypatch.setattr(rules, "NEAR_INTERVAL", 0.05)
    monkeypatch.setattr(rules, "CPU_WINDOW", 0.5)


@asynccontextmanager
async def watched(stage, quota, *command, **changes):
    """Have one service supervised, its worker running and its quota watched."""
    wanted = replace(service(*command), quota=quota, **changes)
    async with supervised(wanted, stage) as supervisor:
        stage.resources.ledger.follow(
            lambda: [
                (worker.started.cookie, worker.started.process.identity)
                for worker in supervisor.everyone
                if worker.started
            ]
        )
        await supervisor.start()
        await stage.until(lambda: supervisor.workers[1].state is WorkerState.RUNNING)
        rolling = Rolling(supervisor, stage.resources, lambda: 0.0)
        watch = supervisor.watch = QuotaWatch(supervisor, stage.resources, rolling)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.by_memory if quota.memory_soft else watch.enforce)
            yield supervisor
            nursery.cancel_scope.cancel()


def seen_below(watch, cookie):
    limit = watch._soft_limits.get(1)
    return limit is not None and limit._who == cookie and limit._was_below


def told(stage, kind):
    return [event.text for event in stage.resources.registry.events() if event.kind == kind]


async def test_more_than_the_cpu_quota_is_an_event_where_nothing_can_hold_it(stage):
    async with watched(stage, Quota(cpu=0.2), *BUSY):
        await stage.until(lambda: "too_busy" in stage.kinds)
    (text,) = told(stage, "too_busy")
    assert text.startswith("used ")
    assert text.endswith("% of a CPU for 0.5 s, of its 20%")


async def test_the_whole_tree_is_killed_for_its_number(stage):
    async with watched(stage, Quota(pids=2), *SHELL) as supervisor:
        first = supervisor.workers[1].pid
        await stage.until(lambda: supervisor.workers[1].pid not in (first, None))
    assert told(stage, "exited")[0].startswith("over its limit of 2 processes and threads: ")


async def test_the_kernel_holds_nobody_who_has_no_cgroup(stage):
    ground = Ground(controllers=frozenset(("memory", "pids", "cpu")))
    stage.resources = replace(stage.resources, ground=ground)
    async with watched(stage, Quota(pids=2), *SHELL):
        await stage.until(lambda: "exited" in stage.kinds)


async def test_one_that_grows_is_replaced_and_the_next_one_watched(stage, tmp_path):
    grown = tmp_path / "grown"
    code = f"""
import os, time
while not os.path.exists({str(grown)!r}):
    time.sleep(0.01)
os.unlink({str(grown)!r})
kept = b"x" * (60 << 20)
time.sleep(600)
"""
    command = (sys.executable, "-I", "-S", "-c", code)
    restart = replace(service().restart, healthy_after=0.01)
    async with watched(stage, Quota(memory_soft=50 << 20), *command, restart=restart) as supervisor:
        for number in (1, 2):
            first = supervisor.workers[1].pid
            # A look that sees it below comes first: else it would seem to be born that big.
            cookie = supervisor.workers[1].started.cookie
            await auntil(lambda cookie=cookie: seen_below(supervisor.watch, cookie))
            grown.touch()
            await stage.until(lambda first=first: supervisor.workers[1].pid not in (first, None))
            assert len(told(stage, "rolling")) == number
    assert "api:1 pid " in told(stage, "rolling")[0]
    assert ", over its memory_soft of 50M" in told(stage, "rolling")[0]


async def test_one_that_nothing_can_replace_goes_on(stage, tmp_path):
    program = tmp_path / "program"
    program.write_text(f"#!{sys.executable} -IS\nkept = b'x' * (60 << 20)\n{PAUSE}")
    program.chmod(0o700)
    restart = replace(service().restart, healthy_after=2.0)
    quota = Quota(memory_soft=50 << 20)
    async with watched(stage, quota, str(program), restart=restart) as supervisor:
        first = supervisor.workers[1].pid
        await stage.until(lambda: "too_big" in stage.kinds)
        program.unlink()
        await stage.until(lambda: "failed" in stage.kinds)
        assert supervisor.workers[1].pid == first
    assert "the old worker goes on" in told(stage, "failed")[0]
