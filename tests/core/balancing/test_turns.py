"""Fair while the list stays, and while it does not."""

from collections import Counter

from candidates import Fake, fakes
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.balancing.turns import REMEMBERED, RoundRobin, WeightedTurns


def test_nothing_available_is_nothing_picked() -> None:
    assert RoundRobin().pick([]) is None


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


def test_weighted_turns_are_spread_and_not_dealt_in_heaps() -> None:
    heavy, light = fakes(3, 1)
    turns: WeightedTurns[Fake] = WeightedTurns()
    picked = [turns.pick([heavy, light], 0) for _ in range(8)]
    assert [each is heavy for each in picked] == [True, True, False, True] * 2


def test_no_weighted_turn_without_candidates() -> None:
    assert WeightedTurns[Fake]().pick([], 0) is None


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=6),
    st.integers(0, 300),
    st.lists(st.sets(st.integers(0, 5)), max_size=30),
)
def test_shares_follow_the_weights_at_any_moment_whatever_was_before(
    weights: list[int], picks: int, before: list[set[int]]
) -> None:
    candidates = fakes(*weights)
    turns: WeightedTurns[Fake] = WeightedTurns()
    for some in before:
        turns.pick([each for at, each in enumerate(candidates) if at in some], 0)
    seen = Counter(turns.pick(candidates, 0) for _ in range(picks))
    for one in candidates:
        for other in candidates:
            ahead = seen[one] / one.weight - seen[other] / other.weight
            assert ahead <= 1 / one.weight + 1 / other.weight + 1e-9


def test_one_that_was_away_saves_no_turns_up() -> None:
    here, away = fakes(1, 1)
    turns: WeightedTurns[Fake] = WeightedTurns()
    turns.pick([here, away], 0)
    for _ in range(100):
        turns.pick([here], 0)
    back = [turns.pick([here, away], 0) for _ in range(10)]
    assert 4 <= back.count(away) <= 6


def test_weighted_turns_starve_nobody_who_stays_and_forget_who_is_gone() -> None:
    stays = Fake()
    turns: WeightedTurns[Fake] = WeightedTurns()
    waited = longest = 0
    for _ in range(20 * REMEMBERED):
        picked = turns.pick([Fake(), stays], 0)
        waited = 0 if picked is stays else waited + 1
        longest = max(longest, waited)
    assert longest <= 3
    assert len(turns._starts) <= REMEMBERED + 3


def test_the_share_of_a_new_one_grows_to_its_full_size() -> None:
    old, new = Fake(ready_at=-1000), Fake(ready_at=0)
    turns: WeightedTurns[Fake] = WeightedTurns(slow_start=100)
    shares = []
    for now in (1, 50, 100):
        picked = [turns.pick([old, new], now) for _ in range(300)]
        shares.append(picked.count(new) / 300)
    assert [round(share, 2) for share in shares] == [0.09, 0.33, 0.5]
