"""The same key, the same worker; and as few as can be move when workers come and go."""

from collections import Counter

from candidates import Fake
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.balancing.hashing import Rendezvous, fingerprint

KEYS = [b"client %d" % number for number in range(4000)]
RULE: Rendezvous[Fake] = Rendezvous()


def named(*weights: int) -> list[Fake]:
    return [Fake(weight, seed=fingerprint(b"api:%d" % n)) for n, weight in enumerate(weights, 1)]


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    assert fingerprint(b"api:1") == 0xAF1F93B9D04F54CF


@given(st.binary(), st.integers(0, 5))
def test_a_key_stays_with_its_candidate_whatever_the_order(key: bytes, turn: int) -> None:
    candidates = named(1, 1, 1, 1, 1)
    turned = candidates[turn:] + candidates[:turn]
    assert RULE.pick(candidates, 0, key) is RULE.pick(turned, 9, key)


def test_nothing_available_is_nothing_picked() -> None:
    assert RULE.pick([], 0, b"key") is None


@given(st.integers(2, 8), st.data())
def test_only_the_keys_of_the_one_that_goes_move(count: int, data: st.DataObject) -> None:
    candidates = named(*[1] * count)
    gone = data.draw(st.sampled_from(candidates))
    left = [each for each in candidates if each is not gone]
    for key in KEYS[:300]:
        before, after = RULE.pick(candidates, 0, key), RULE.pick(left, 0, key)
        assert after in left
        assert before is gone or before is after


def test_keys_are_shared_evenly_and_by_weight() -> None:
    for weights in ((1, 1, 1, 1), (3, 1), (5, 2, 1)):
        candidates = named(*weights)
        seen = Counter(RULE.pick(candidates, 0, key) for key in KEYS)
        for each in candidates:
            fair = len(KEYS) * each.weight / sum(weights)
            assert abs(seen[each] - fair) < 0.12 * len(KEYS) / len(weights)


def test_the_keys_of_one_that_goes_spread_over_all_others() -> None:
    candidates = named(1, 1, 1, 1)
    moved = [key for key in KEYS if RULE.pick(candidates, 0, key) is candidates[0]]
    seen = Counter(RULE.pick(candidates[1:], 0, key) for key in moved)
    assert min(seen.values()) > len(moved) / 5
