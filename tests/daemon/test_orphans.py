"""The keeper's word on how adopted processes ended, over a real pipe."""

import os

import trio
import trio.testing

from webqx_supervisor.daemon.orphans import REMEMBERED, Orphans
from webqx_supervisor.model.exits import Exit


async def test_a_report_in_two_pieces_is_one_report(nursery):
    orphans = Orphans()
    reading, writing = os.pipe()
    nursery.start_soon(orphans.listen, reading)
    os.write(writing, b"      17    ")
    await trio.testing.wait_all_tasks_blocked(0.01)
    os.write(writing, b" 768\n")
    os.close(writing)
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert await orphans.exit_of(17) == Exit.from_wait_status(768)


async def test_a_report_may_come_after_the_question(nursery):
    orphans, found = Orphans(), []
    reading, writing = os.pipe()
    nursery.start_soon(orphans.listen, reading)
    await trio.testing.wait_all_tasks_blocked()

    async def ask() -> None:
        found.append(await orphans.exit_of(17))

    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        os.write(writing, b"      16      0\nnonsense\n      17      9\n")
    os.close(writing)
    assert found == [Exit.from_wait_status(9)]


async def test_without_a_keeper_the_exit_is_unknown_at_once(autojump_clock):
    began = trio.current_time()
    assert await Orphans().exit_of(17) == Exit()
    assert trio.current_time() == began


async def test_a_keeper_that_says_nothing_is_not_waited_for_long(nursery, autojump_clock):
    orphans = Orphans()
    reading, writing = os.pipe()
    nursery.start_soon(orphans.listen, reading)
    await trio.testing.wait_all_tasks_blocked()
    assert await orphans.exit_of(17) == Exit()
    os.close(writing)


async def test_what_nobody_asks_about_is_forgotten_oldest_first(nursery):
    orphans = Orphans()
    reading, writing = os.pipe()
    for pid in range(1, REMEMBERED + 3):
        os.write(writing, b"%8d %6d\n" % (pid, 256))
    os.close(writing)
    await orphans.listen(reading)
    assert await orphans.exit_of(2) == Exit()
    assert await orphans.exit_of(3) == Exit.from_wait_status(256)
