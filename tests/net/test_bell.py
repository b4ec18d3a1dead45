import os
import sys

import pytest
import trio

from webqx_supervisor.net.bell import Bell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux'")


@pytest.fixture
def group():
    """A number that no other test, in whatever process, has at this moment."""
    return int.from_bytes(os.urandom(7), "big")


async def test_a_bell_is_heard_by_its_own_row_only(arena, group):
    heard = {row: trio.Event() for row in (1, 2, 3)}
    bells = [Bell(arena.reactor, group, row, event.set) for row, event in heard.items()]
    bells[0].ring(2)
    bells[0].ring(99)  # nobody is there
    with trio.fail_after(5):
        await heard[2].wait()
    assert not heard[1].is_set()
    assert not heard[3].is_set()


async def test_a_bell_of_another_group_is_silent(arena, group):
    heard = [trio.Event(), trio.Event()]
    bells = [Bell(arena.reactor, group + number, 1, heard[number].set) for number in (0, 1)]
    bells[0].ring(1)
    with trio.fail_after(5):
        await heard[0].wait()
    assert not heard[1].is_set()


async def test_a_name_is_free_again_once_its_bell_is_closed(arena, group):
    heard = trio.Event()
    first = Bell(arena.reactor, group, 1, heard.set)
    with pytest.raises(OSError, match="in use"):
        Bell(arena.reactor, group, 1, heard.set)
    first.close()
    first.close()
    await arena.result(arena.reactor.yield_turn())  # the reactor closes at the end of a round
    Bell(arena.reactor, group, 1, heard.set).ring(1)
    with trio.fail_after(5):
        await heard.wait()
