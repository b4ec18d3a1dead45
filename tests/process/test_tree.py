import os
import signal
import threading
from dataclasses import replace

import pytest
import trio
import trio.testing
from helpers import auntil

from webqx_supervisor.model.exits import Exit
from webqx_supervisor.process import tree
from webqx_supervisor.process.identity import alive, identify


@pytest.fixture
def said(tmp_path):
    return tmp_path / "pid"


async def descendant(said):
    """Return the identity that a program wrote to its file."""
    await auntil(said.exists)
    return identify(int(said.read_text()))


async def test_a_worker_that_heeds_its_stop_signal_is_not_killed(worker):
    child = await worker(worker.SLEEP)
    assert await tree.end(child.identity, child.cookie, signal.SIGTERM, 60) == 0
    assert await child.wait() == Exit(signal=signal.SIGTERM)


async def test_a_worker_that_ignores_its_stop_signal_is_killed(worker, said):
    child = await worker(worker.STUBBORN, said)
    await auntil(said.exists)
    assert await tree.end(child.identity, child.cookie, signal.SIGTERM, 0.05) == 1
    assert await child.wait() == Exit(signal=signal.SIGKILL)


async def test_the_grace_may_grow_while_it_lasts(worker):
    child = await worker(worker.SLEEP)
    child.send_signal(signal.SIGSTOP)
    limit = trio.CancelScope(deadline=trio.current_time() + 0.05)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.end, child.identity, child.cookie, signal.SIGCONT, limit)
        limit.deadline += 60
        await trio.sleep(0.1)
        assert alive(child.identity)
        child.send_signal(signal.SIGTERM)


async def test_no_grace_kills_at_once(worker):
    child = await worker(worker.SLEEP)
    assert await tree.end(child.identity, child.cookie, signal.SIGTERM, 0) == 1
    assert await child.wait() == Exit(signal=signal.SIGKILL)


async def test_a_stopped_worker_still_heeds_its_stop_signal(worker):
    child = await worker(worker.SLEEP)
    child.send_signal(signal.SIGSTOP)
    assert await tree.end(child.identity, child.cookie, signal.SIGTERM, 60) == 0
    assert await child.wait() == Exit(signal=signal.SIGTERM)


@pytest.mark.parametrize("way", ["ESCAPE", "CLEAN_ENVIRONMENT", "CLEAN_AND_APART"])
async def test_no_descendant_gets_away(worker, said, way):
    child = await worker(getattr(worker, way), said)
    escaped = await descendant(said)
    assert {m.pid for m in tree.members(child.identity, child.cookie)} >= {child.pid, escaped.pid}
    assert tree.holds(child.identity, child.cookie, escaped.pid)
    assert await tree.end(child.identity, child.cookie, signal.SIGTERM, 0.05) >= 1
    assert not alive(escaped)


@pytest.mark.parametrize("way", ["ESCAPE", "CLEAN_ENVIRONMENT"])
async def test_what_a_crashed_worker_leaves_behind_is_killed(worker, said, way):
    child = await worker(getattr(worker, way), said)
    escaped = await descendant(said)
    child.send_signal(signal.SIGKILL)
    await child.wait()
    assert alive(escaped)
    assert await tree.kill_leftovers(child.identity, child.cookie) == 1
    assert not alive(escaped)


async def test_a_process_forked_at_the_stop_signal_is_found(worker, said):
    child = await worker(worker.FORK_AT_STOP, said)
    await auntil(said.with_name("pid.up").exists)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(child.wait)
        assert await tree.end(child.identity, child.cookie, signal.SIGTERM, 0.5) >= 1
    assert tree.members(child.identity, child.cookie) == []


async def test_nothing_left_is_nothing_killed(worker):
    child = await worker("")
    await child.wait()
    assert await tree.kill_leftovers(child.identity, child.cookie) == 0


async def test_another_worker_is_no_member(worker):
    one, other = await worker(worker.SLEEP), await worker(worker.SLEEP)
    assert tree.members(one.identity, one.cookie) == [one.identity]
    assert tree.members(other.identity, other.cookie) == [other.identity]
    assert tree.holds(one.identity, one.cookie, one.pid)
    assert not tree.holds(one.identity, one.cookie, other.pid)
    assert not tree.holds(one.identity, one.cookie, os.getpid())


async def test_the_next_owner_of_the_leaders_pid_is_spared(worker, said):
    bystander = await worker(worker.CLEAN_ENVIRONMENT, said)
    its_child = await descendant(said)
    predecessor = replace(bystander.identity, start_time=bystander.identity.start_time - 1)
    assert tree.members(predecessor, "another cookie") == []
    for pid in (bystander.pid, its_child.pid):
        assert not tree.holds(predecessor, "another cookie", pid)
    assert await tree.end(predecessor, "another cookie", signal.SIGTERM, 60) == 0
    assert await tree.kill_leftovers(predecessor, "another cookie") == 0
    assert alive(bystander.identity)
    assert alive(its_child)


async def test_a_worker_of_an_earlier_boot_has_no_members(worker):
    child = await worker(worker.SLEEP)
    earlier = replace(child.identity, boot_id="an earlier one")
    assert tree.members(earlier, child.cookie) == []


class Looks:
    """A Snapshot's place; each look takes until the test lets it end."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Semaphore(0)

    def __call__(self):
        self.begun += 1
        number = self.begun
        assert self.may_end.acquire(timeout=20)
        return number


async def test_all_who_ask_at_once_share_few_looks_at_the_process_table(nursery):
    looks, got = Looks(), []
    census = tree.Census(looks)

    async def ask() -> None:
        got.append(await census.ask())

    for _ in range(100):
        nursery.start_soon(ask)
    looks.may_end.release(2)
    await auntil(lambda: len(got) == 100)
    assert looks.begun <= 2


async def test_a_look_that_has_begun_answers_no_later_question(nursery):
    looks, got = Looks(), []
    census = tree.Census(looks)

    async def ask() -> None:
        got.append(await census.ask())

    nursery.start_soon(ask)
    await auntil(lambda: looks.begun)
    nursery.start_soon(ask)
    nursery.start_soon(ask)
    await trio.testing.wait_all_tasks_blocked()
    looks.may_end.release(2)
    await auntil(lambda: len(got) == 3)
    assert got == [1, 2, 2]


async def test_who_asks_no_more_keeps_nobody_from_the_answer(nursery):
    looks, got = Looks(), []
    census = tree.Census(looks)

    async def ask(scope) -> None:
        with scope:
            got.append(await census.ask())

    impatient = trio.CancelScope()
    nursery.start_soon(ask, impatient)
    await auntil(lambda: looks.begun)
    nursery.start_soon(ask, trio.CancelScope())
    await trio.testing.wait_all_tasks_blocked()
    impatient.cancel()
    looks.may_end.release(2)
    await auntil(lambda: 2 in got)
