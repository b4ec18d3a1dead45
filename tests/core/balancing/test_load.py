"""Least connections and two choices: the least loaded, for its weight."""

from collections import Counter

from candidates import Fake, fakes
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.balancing.load import LeastConnections, TwoChoices
from webqx_supervisor.core.balancing.turns import RoundRobin, WeightedTurns

LOADS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), max_size=6)


def least(slow_start: float = 0.0) -> LeastConnections[Fake]:
    return LeastConnections(WeightedTurns(slow_start), slow_start)


@given(LOADS)
def test_least_connections_picks_one_that_has_least_for_its_weight(
    loads: list[tuple[int, int]],
) -> None:
    candidates = [Fake(weight, in_flight=load) for weight, load in loads]
    picked = least().pick(candidates, 0)
    if not candidates:
        assert picked is None
    else:
        assert picked in candidates
        fewest = min(each.in_flight / each.weight for each in candidates)
        assert picked.in_flight / picked.weight == fewest


def test_an_idle_service_is_shared_in_turn() -> None:
    candidates = fakes(1, 1, 1)
    rule: LeastConnections[Fake] = LeastConnections(RoundRobin())
    seen = Counter(rule.pick(candidates, 0) for _ in range(30))
    assert sorted(seen.values()) == [10, 10, 10]


def test_least_connections_fills_up_by_weight() -> None:
    candidates = fakes(3, 1)
    rule = least()
    for _ in range(40):
        picked = rule.pick(candidates, 0)
        assert picked is not None
        picked.in_flight += 1
    assert [each.in_flight for each in candidates] == [30, 10]


def test_a_new_one_is_not_flooded_for_having_nothing_in_flight() -> None:
    old, new = Fake(ready_at=-100, in_flight=5), Fake(ready_at=0)
    rule = least(slow_start=10)
    assert rule.pick([old, new], 1) is new
    new.in_flight += 1
    assert rule.pick([old, new], 1) is old
    assert rule.pick([old, new], 10) is new


@given(LOADS, st.integers(0, 1 << 64), st.booleans())
def test_two_choices_never_pick_the_one_that_has_most_unless_all_are_alike(
    loads: list[tuple[int, int]], seed: int, even: bool
) -> None:
    candidates = [Fake(1 if even else weight, in_flight=load) for weight, load in loads]
    rule: TwoChoices[Fake] = TwoChoices(seed, even=even)
    for _ in range(20):
        picked = rule.pick(candidates, 0)
        if not candidates:
            assert picked is None
            continue
        assert picked in candidates
        most = max(each.in_flight / each.weight for each in candidates)
        alone = sum(each.in_flight / each.weight == most for each in candidates) == 1
        assert not alone or len(candidates) == 1 or picked.in_flight / picked.weight < most


@given(st.integers(0, 1 << 64))
def test_two_choices_share_an_idle_service_by_weight(seed: int) -> None:
    candidates = fakes(3, 1)
    rule: TwoChoices[Fake] = TwoChoices(seed, even=False)
    picked = [rule.pick(candidates, 0) for _ in range(2000)]
    assert 0.7 < picked.count(candidates[0]) / 2000 < 0.8


@given(st.integers(0, 1 << 64), st.integers(2, 9))
def test_two_choices_keep_the_loads_close_together(seed: int, count: int) -> None:
    candidates = fakes(*[1] * count)
    rule: TwoChoices[Fake] = TwoChoices(seed)
    for _ in range(1000):
        picked = rule.pick(candidates, 0)
        assert picked is not None
        picked.in_flight += 1
    loads = [each.in_flight for each in candidates]
    assert max(loads) - min(loads) < 20


def test_proxies_of_different_seeds_draw_differently() -> None:
    candidates = fakes(*[1] * 8)
    draws = []
    for seed in (1, 2):
        rule: TwoChoices[Fake] = TwoChoices(seed)
        draws.append([rule.pick(candidates, 0) for _ in range(50)])
    assert draws[0] != draws[1]


def test_two_choices_go_easy_on_a_new_one() -> None:
    old, new = Fake(ready_at=-100), Fake(ready_at=0)
    rule: TwoChoices[Fake] = TwoChoices(7, slow_start=10)
    picked = [rule.pick([old, new], 1) for _ in range(2000)]
    assert 0.05 < picked.count(new) / 2000 < 0.15
