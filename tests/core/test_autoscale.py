"""The rule that says how many workers a service is to have."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.autoscale import Autoscaler, Observation
from webqx_supervisor.model.autoscale import Autoscale

EIGHT = Autoscale(min=1, max=10, target_in_flight=8, cooldown=60)
CPU = Autoscale(min=1, max=10, target_cpu=0.5, cooldown=60)
SLEEPER = Autoscale(min=0, max=4, target_in_flight=8, cooldown=10, idle=30)


def seen(present=1, in_flight=0, **more):
    return Observation(present, more.pop("ready", present), in_flight, **more)


class Life:
    """A service whose number follows the decisions at once; a look every second."""

    def __init__(self, policy, present=1):
        self.rule = Autoscaler(policy, 0.0)
        self.present, self.now, self.why, self.moves = present, 0.0, "", []

    def live(self, seconds, in_flight=0, **more):
        for _ in range(seconds):
            self.look(in_flight, **more)
        return self.present

    def look(self, in_flight=0, after=1.0, **more):
        self.now += after
        decision = self.rule.decide(seen(self.present, in_flight, **more), self.now)
        if decision.to != self.present:
            self.moves.append(decision.to)
            self.why = decision.why
        self.present = decision.to
        return self.present


def test_more_in_flight_than_the_target_brings_as_many_as_it_takes():
    life = Life(EIGHT, 2)
    assert life.live(5, 31) == 4
    assert life.moves == [4]
    assert life.why == "31 in flight, target 8 each"


def test_a_burst_that_is_over_by_the_next_look_brings_nobody():
    life = Life(EIGHT, 2)
    life.live(5, 8)
    life.look(80)
    assert life.live(60, 8) == 2


def test_a_load_within_the_tolerance_brings_nobody():
    assert Life(EIGHT, 2).live(600, 17) == 2
    assert Life(EIGHT, 2).live(600, 18) == 3


def test_a_queue_that_waits_brings_as_many_as_it_takes_at_once():
    life = Life(EIGHT, 1)
    assert life.look(8, queued=20, waited=0.12, after=0.1) == 4
    assert life.why == "20 waiting, the first for 0.1 s; 8 in flight, target 8 each"


def test_a_queue_that_has_only_just_begun_brings_nobody():
    assert Life(EIGHT, 1).look(8, queued=20, waited=0.05) == 1


def test_a_queue_brings_one_more_where_the_target_asks_for_none():
    life = Life(EIGHT, 2)
    assert life.look(2, queued=1, waited=0.2) == 3
    assert life.look(2, queued=1, waited=0.7, ready=2) == 3  # the third is still to come
    assert life.look(2, queued=1, waited=1.2) == 4
    life.live(59)
    assert life.present == 4


def test_fewer_are_enough_only_after_a_cooldown_in_which_they_were():
    life = Life(EIGHT, 4)
    life.live(30, 25)
    assert life.live(59, 9) == 4
    assert life.live(5, 9) == 2
    assert life.moves == [2]
    assert life.why == "for 1m at most 9 in flight, target 8 each"


def test_what_was_decided_by_hand_holds_for_a_cooldown():
    life = Life(EIGHT, 1)
    life.live(100)
    life.rule.begin_anew(life.now)
    life.present = 5
    assert life.live(59) == 5
    assert life.live(1) == 1


def test_cpu_is_shared_out_as_its_target_says():
    life = Life(CPU)
    assert life.live(5, cpu=1.4) == 3
    assert life.why == "140% CPU, target 50% each"
    assert life.live(60, cpu=0.4) == 3
    assert life.live(10, cpu=0.4) == 1
    assert life.why == "for 1m CPU below the target of 50% each"


def test_of_two_targets_the_one_counts_that_asks_for_more():
    both = replace(EIGHT, target_cpu=0.5)
    assert Life(both).live(5, 24, cpu=0.1) == 3
    assert Life(both).live(5, 1, cpu=1.9) == 4


def test_the_number_is_brought_between_min_and_max_at_once():
    policy = replace(EIGHT, min=3, max=5)
    for present, wanted, why in ((1, 3, "min is 3"), (9, 5, "max is 5")):
        life = Life(policy, present)
        assert life.look() == wanted
        assert life.why == why


def test_no_others_are_started_while_none_is_up_or_beside_one_that_does_not_come_up():
    life = Life(EIGHT, 1)
    assert life.live(20, 0, queued=100, waited=3.0, ready=0, failing=True) == 1
    assert life.live(20, 0, queued=100, waited=3.0, ready=0) == 1
    assert life.live(5, 8, queued=92, waited=3.0, ready=1) == 10


def test_after_a_time_without_a_request_all_leave_and_a_request_brings_one_back():
    life = Life(SLEEPER, 1)
    life.live(100, 1)
    assert life.live(29) == 1
    assert life.live(1) == 0
    assert life.why == "no request for 30s"
    assert life.live(1000) == 0
    assert life.look(queued=1, after=0.01) == 1
    assert life.why == "a request waits"
    assert life.live(29) == 1
    assert life.live(5, active=True) == 1
    assert life.live(30) == 0


def test_who_still_works_without_a_request_is_not_put_to_sleep():
    life = Life(replace(SLEEPER, target_cpu=0.5))
    assert life.live(100, cpu=0.06) == 1
    assert life.live(30, cpu=0.01) == 0


def test_many_that_wait_for_a_sleeper_wake_as_many_as_they_need():
    life = Life(SLEEPER, 0)
    assert life.look(queued=17) == 3
    assert life.why == "17 requests wait"


def test_one_that_does_not_come_up_is_not_put_to_sleep():
    assert Life(SLEEPER, 1).live(100, failing=True, ready=0) == 1


def test_without_a_target_it_only_sleeps_and_wakes():
    life = Life(Autoscale(min=0, max=1, idle=30), 1)
    assert life.live(100, 50) == 1
    assert life.live(40) == 0
    assert life.look(queued=3) == 1


policies = st.builds(
    Autoscale,
    min=st.integers(0, 3),
    max=st.integers(3, 12),
    target_in_flight=st.integers(1, 20),
    target_cpu=st.sampled_from([0.0, 0.25, 0.7, 1.5]),
    cooldown=st.sampled_from([5.0, 30.0, 60.0]),
    idle=st.sampled_from([10.0, 900.0]),
)
loads = st.builds(
    Observation,
    present=st.just(0),
    ready=st.integers(0, 12),
    in_flight=st.integers(0, 300),
    queued=st.integers(0, 50),
    waited=st.floats(0, 2),
    cpu=st.floats(0, 10),
)
gaps = st.sampled_from([0.1, 0.5, 1.0, 5.0])


@given(policies, st.integers(0, 15), st.lists(st.tuples(gaps, loads), max_size=60))
def test_it_never_asks_for_more_than_max_or_less_than_min(policy, present, looks):
    rule, now = Autoscaler(policy, 0.0), 0.0
    for gap, load in looks:
        now += gap
        decision = rule.decide(replace(load, present=present, ready=min(load.ready, present)), now)
        present = decision.to
        assert policy.min <= present <= policy.max
        assert bool(decision.why) or decision.to == present


@given(
    policies,
    st.integers(1, 12),
    st.lists(st.tuples(gaps, loads, st.integers(0, 50), st.integers(0, 9)), min_size=1),
)
def test_more_load_never_gives_fewer(policy, present, looks):
    less, more, now = Autoscaler(policy, 0.0), Autoscaler(policy, 0.0), 0.0
    for gap, load, in_flight, queued in looks:
        now += gap
        light = replace(load, present=present, ready=min(load.ready, present))
        heavier = replace(light, in_flight=load.in_flight + in_flight, queued=load.queued + queued)
        assert less.decide(light, now).to <= more.decide(heavier, now).to


@given(policies, st.integers(0, 12), st.integers(0, 200))
def test_a_constant_load_leads_to_a_number_that_stays(policy, present, in_flight):
    life = Life(replace(policy, target_cpu=0.0), present)
    life.live(120, in_flight, active=True)
    settled, life.moves = life.present, []
    assert life.live(200, in_flight, active=True) == settled
    assert life.moves == []
    if max(policy.min, 1) < settled < policy.max:
        assert in_flight <= settled * policy.target_in_flight * 1.1
        assert in_flight > (settled - 1) * policy.target_in_flight


@given(st.integers(1, 9), st.lists(st.integers(-10, 10), min_size=130, max_size=130))
def test_a_load_that_oscillates_within_the_band_moves_nothing(workers, noise):
    policy = Autoscale(min=1, max=20, target_in_flight=100, cooldown=60)
    life = Life(policy, workers)
    level = 100 * workers - 10
    life.live(100, level)
    life.moves = []
    for each in noise:
        life.look(level + each)
    assert life.moves == []


@given(st.lists(st.integers(0, 100), min_size=200, max_size=200))
def test_whatever_comes_it_shrinks_at_most_once_in_a_cooldown_after_growing(levels):
    life = Life(Autoscale(min=1, max=20, target_in_flight=8, cooldown=30))
    path = []
    for level in levels:
        path.append((life.now, life.present))
        life.look(level)
    changes = [
        (at, after - before) for (_, before), (at, after) in pairwise(path) if after != before
    ]
    for (grown, up), (shrunk, down) in pairwise(changes):
        if up > 0 > down:
            assert shrunk - grown >= 30 - 3


@pytest.mark.parametrize("period", [2, 6, 20, 50])
def test_a_load_that_comes_and_goes_within_the_cooldown_keeps_what_it_needs(period):
    life = Life(EIGHT, 1)
    for _ in range(600 // period):
        life.live(period // 2, 0)
        life.live(period // 2, 40)
    assert len(life.moves) <= 2
