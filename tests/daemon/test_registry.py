"""The registry wakes who waits, and remembers what happened in order."""

import trio
import trio.testing

from webqx_supervisor.daemon.registry import REMEMBERED, Registry


async def test_a_condition_that_holds_is_not_waited_for():
    await Registry().until(lambda: True)


async def test_a_condition_is_asked_again_after_every_change(nursery, autojump_clock):
    registry, asked = Registry(), []

    async def wait() -> None:
        await registry.until(lambda: asked.append(1) or len(asked) == 3)

    nursery.start_soon(wait)
    for already in (1, 2):
        await trio.testing.wait_all_tasks_blocked()
        assert len(asked) == already
        registry.changed()
    await trio.testing.wait_all_tasks_blocked()
    assert len(asked) == 3


async def test_next_change_does_not_return_for_an_earlier_one(autojump_clock):
    registry = Registry()
    registry.changed()
    with trio.move_on_after(1) as scope:
        await registry.next_change()
    assert scope.cancelled_caught


def test_events_carry_the_time_and_the_place():
    registry = Registry(wall_clock=lambda: 42.0)
    registry.tell("ready", "pid 7", service="api", instance=2, pid=7)
    (event,) = registry.events()
    assert (event.at, event.kind, event.service, event.instance, event.pid) == (
        42.0,
        "ready",
        "api",
        2,
        7,
    )


def test_events_since_a_number_are_those_told_from_it_on():
    registry = Registry()
    for number in range(5):
        registry.tell("told", str(number))
    assert [event.text for event in registry.events(3)] == ["3", "4"]
    assert registry.events(registry.told) == []
    assert registry.events(99) == []


def test_the_oldest_events_are_forgotten_and_the_numbers_go_on():
    registry = Registry()
    for number in range(REMEMBERED + 10):
        registry.tell("told", str(number))
    assert registry.told == REMEMBERED + 10
    assert registry.events()[0].text == "10"
    assert [event.text for event in registry.events(registry.told - 1)] == [str(REMEMBERED + 9)]
