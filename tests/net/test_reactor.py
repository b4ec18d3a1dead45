import socket

import pytest
import trio

from webqx_supervisor.net.reactor import FOREVER, DeadlinePassed, Reactor


async def wait(reactor: Reactor, seconds: float) -> None:
    await reactor.wait(seconds)


async def fail(text: str) -> None:
    raise ValueError(text)


async def test_a_task_runs_and_its_result_comes_back(arena):
    async def seven() -> int:
        return 7

    assert await arena.result(seven()) == 7


async def test_sleep_takes_at_least_its_time_and_at_most_a_tick_more(arena, autojump_clock):
    start = trio.current_time()
    await arena.result(arena.reactor.sleep(1.05))
    assert 1.05 <= trio.current_time() - start <= 1.2


async def test_a_pause_takes_at_least_its_time_and_at_most_a_turn_more(arena, autojump_clock):
    async def tick() -> None:
        await arena.reactor.sleep(0.05)  # so that a coarse deadline of the task is there already
        for _ in range(20):
            start = trio.current_time()
            await arena.reactor.pause(0.0123)
            assert 0.0123 <= trio.current_time() - start <= 0.02

    await arena.result(tick())


async def test_a_pause_that_is_hurried_says_so(arena, autojump_clock):
    start = trio.current_time()
    task = arena.reactor.spawn(swallow(arena.reactor.pause(50)))

    async def hurry() -> None:
        await arena.reactor.sleep(1)
        arena.reactor.schedule(task)  # woken for nothing, it goes on
        task.hurry(2)
        await task.join()

    await arena.result(hurry())
    assert 3 <= trio.current_time() - start <= 3.3


async def test_a_wait_that_takes_too_long_raises_inside_the_task(arena, autojump_clock):
    with pytest.raises(DeadlinePassed):
        await arena.result(wait(arena.reactor, 5))


async def test_a_deadline_moves_later_and_earlier_with_each_wait(arena, autojump_clock):
    times = []

    async def waits() -> None:
        for seconds in (3, 10, 1, 3):
            start = trio.current_time()
            with pytest.raises(DeadlinePassed):
                await arena.reactor.wait(seconds)
            times.append(trio.current_time() - start)

    await arena.result(waits())
    for seconds, took in zip((3, 10, 1, 3), times, strict=True):
        assert seconds <= took <= seconds + 0.2


async def test_hurry_shortens_the_wait_but_never_lengthens_it(arena, autojump_clock):
    start = trio.current_time()
    task = arena.reactor.spawn(swallow(wait(arena.reactor, 50)))

    async def hurry() -> None:
        await arena.reactor.sleep(1)
        task.hurry(2)
        task.hurry(30)
        await task.join()

    await arena.result(hurry())
    assert 3 <= trio.current_time() - start <= 3.5


async def swallow(coroutine) -> None:
    with pytest.raises(DeadlinePassed):
        await coroutine


async def test_nothing_armed_means_nobody_wakes(arena, autojump_clock):
    async def waits_shortly_then_for_ever() -> None:
        with pytest.raises(DeadlinePassed):
            await arena.reactor.wait(1)
        await arena.reactor.wait(FOREVER)

    task = arena.reactor.spawn(waits_shortly_then_for_ever())
    await arena.result(arena.reactor.sleep(5))
    assert arena.reactor.timers.next() == FOREVER
    assert not task.done


async def test_cancel_runs_the_clean_up_and_nothing_after_it(arena):
    seen = []

    async def tidy() -> None:
        try:
            await arena.reactor.wait(FOREVER)
            seen.append("went on")
        finally:
            seen.append("tidied")

    task = arena.reactor.spawn(tidy())
    await arena.result(arena.reactor.yield_turn())
    task.cancel()
    task.cancel()
    assert task.done
    assert seen == ["tidied"]


async def test_the_failure_of_a_child_is_raised_in_its_parent(arena):
    async def parent() -> str:
        reactor = arena.reactor
        reactor.spawn(fail("from below"), parent=reactor.current)
        try:
            await reactor.wait(FOREVER)
        except ValueError as error:
            return str(error)
        return "heard nothing"

    assert await arena.result(parent()) == "from below"


async def test_a_child_that_was_cancelled_cannot_fail_its_parent_any_more(arena):
    async def parent() -> str:
        reactor = arena.reactor
        child = reactor.spawn(fail("too late"), parent=reactor.current)
        child.cancel()
        await reactor.sleep(0.1)
        return "undisturbed"

    assert await arena.result(parent()) == "undisturbed"


async def test_join_waits_for_the_end(arena, autojump_clock):
    async def joins() -> bool:
        child = arena.reactor.spawn(arena.reactor.sleep(3))
        await child.join()
        return child.done

    assert await arena.result(joins())


async def test_a_failure_that_is_nobodys_ends_the_reactor_loudly():
    reactor = Reactor()
    reactor.spawn(fail("a defect"))
    with pytest.raises(ValueError, match="a defect"):
        await reactor.run()


async def test_when_the_reactor_ends_all_tasks_are_cancelled():
    seen = []
    reactor = Reactor()

    async def tidy() -> None:
        try:
            await reactor.wait(FOREVER)
        finally:
            seen.append("tidied")

    reactor.spawn(tidy())
    with trio.move_on_after(0.05):
        await reactor.run()
    assert seen == ["tidied"]


async def test_others_in_trio_get_their_turn_beside_a_busy_task(arena):
    stop = False

    async def busy() -> None:
        while not stop:
            await arena.reactor.yield_turn()

    task = arena.reactor.spawn(busy())
    for _ in range(20):
        await trio.lowlevel.checkpoint()
    stop = True
    await arena.result(task.join())


async def test_deadlines_that_pass_together_leave_others_their_turns(arena, autojump_clock):
    reactor = arena.reactor
    turns = 0
    passed: list[int] = []

    async def take_turns() -> None:
        nonlocal turns
        await reactor.wait(FOREVER)
        while len(passed) < 1000:
            turns += 1
            await reactor.yield_turn()

    async def time_out() -> None:
        with pytest.raises(DeadlinePassed):
            await reactor.wait(1)
        if not passed:
            reactor.schedule(other)
        passed.append(turns)

    other = reactor.spawn(take_turns())
    for _ in range(1000):
        reactor.spawn(time_out())
    await arena.result(other.join())
    assert max(passed.count(turn) for turn in set(passed)) < 100


async def test_a_turn_ends_at_once_when_a_trio_task_has_something_to_read():
    reactor = Reactor(clock=lambda: 0.0)  # no time passes: a busy turn ends only with its work
    near, far = socket.socketpair()
    rounds = read_at = 0

    async def keep_busy() -> None:
        nonlocal rounds
        for rounds in range(1000):
            if rounds == 500:
                far.send(b"!")
            await reactor.yield_turn()

    async def read() -> None:
        nonlocal read_at
        await trio.lowlevel.wait_readable(near)
        read_at = rounds

    with near, far:
        async with trio.open_nursery() as nursery:
            reactor.heed(near.fileno())
            nursery.start_soon(reactor.run)
            reactor.spawn(keep_busy())
            await read()
            nursery.cancel_scope.cancel()
    assert 500 <= read_at < 510
