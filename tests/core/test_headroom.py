"""How many more workers the memory has room for."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.headroom import ANY, MIB, Memory, room

MACHINE = 1000 * MIB  # of which 64M are left alone


def test_as_many_fit_as_are_as_big_as_the_biggest():
    found = room(Memory(MACHINE, 464 * MIB), [100 * MIB, 90 * MIB], [])
    assert found.workers == 4
    assert found.text == "a worker takes 100M, 400M are available"


def test_what_still_comes_will_be_as_big():
    assert room(Memory(MACHINE, 464 * MIB), [100 * MIB], [10 * MIB, 0]).workers == 2


def test_what_one_took_before_counts_while_there_is_none():
    found = room(Memory(MACHINE, 154 * MIB), [], [], known=180 * MIB)
    assert found.workers == 0
    assert found.text == "a worker takes 180M, 90M are available"


def test_where_nobody_knows_what_one_takes_there_must_be_something():
    assert room(Memory(MACHINE, 65 * MIB), [], []).workers == ANY
    found = room(Memory(MACHINE, 60 * MIB), [], [])
    assert (found.workers, found.text) == (0, "0M are available")


def test_of_a_large_machine_no_more_than_a_gigabyte_is_left_alone():
    assert room(Memory(512 * 1024 * MIB, 2048 * MIB), [512 * MIB], []).workers == 2


sizes = st.integers(1, 2**34)


@given(sizes, sizes, st.lists(sizes, min_size=1), st.lists(sizes))
def test_what_is_let_in_fits(total, available, ready, coming):
    found = room(Memory(total, available), ready, coming)
    size = max(ready + coming)
    if found.workers:
        grown = found.workers * size + sum(size - each for each in coming)
        assert grown <= available
