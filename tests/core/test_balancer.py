"""core/balancer.py: fair while the list stays, and while it does not."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.balancer import REMEMBERED, RoundRobin


def test_nothing_available_is_nothing_picked() -> None:
    assert RoundRobin[str]().pick([]) is None


def test_turns_go_round_in_the_order_of_the_list() -> None:
    turns: RoundRobin[str] = RoundRobin()
    assert "".join(turns.pick("abc") or "" for _ in range(7)) == "abcabca"


def test_the_others_go_on_in_turn_when_one_leaves_and_it_is_first_when_it_returns() -> None:
    turns: RoundRobin[str] = RoundRobin()
    lists = ["abc", "abc", "ac", "ac", "ac", "abc", "abc"]
    assert "".join(turns.pick(each) or "" for each in lists) == "abcacba"


@given(st.integers(1, 9), st.integers(0, 100), st.lists(st.sets(st.integers(0, 9), min_size=1)))
def test_a_stable_list_is_served_within_one_of_fair_whatever_was_before(
    size: int, picks: int, before: list[set[int]]
) -> None:
    turns: RoundRobin[int] = RoundRobin()
    for available in before:
        turns.pick(sorted(available))
    stable = range(size)
    seen = Counter(turns.pick(stable) for _ in range(picks))
    assert max(seen[each] for each in stable) - min(seen[each] for each in stable) <= 1


@given(st.lists(st.sets(st.integers(0, 6), min_size=1), max_size=200))
def test_whoever_is_available_is_picked_before_anybody_else_is_picked_twice(
    lists: list[set[int]],
) -> None:
    turns: RoundRobin[int] = RoundRobin()
    passed_over = {each: Counter[int]() for each in range(7)}
    for available in lists:
        picked = turns.pick(sorted(available))
        assert picked in available
        passed_over[picked].clear()
        for other in available - {picked}:
            passed_over[other][picked] += 1
            assert passed_over[other][picked] <= 1


def test_one_that_stays_is_not_starved_by_any_number_that_come_and_go() -> None:
    turns: RoundRobin[int] = RoundRobin()
    stays, waited, longest = -1, 0, 0
    for passing in range(20 * REMEMBERED):
        picked = turns.pick([passing % (3 * REMEMBERED), stays])
        waited = 0 if picked == stays else waited + 1
        longest = max(longest, waited)
    assert longest <= 2 * REMEMBERED


def test_memory_does_not_grow_with_those_that_came_and_went() -> None:
    turns: RoundRobin[int] = RoundRobin()
    for generation in range(1000):
        turns.pick(range(generation, generation + 3))
    assert len(turns._turns) <= REMEMBERED + 3
