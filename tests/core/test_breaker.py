"""core/breaker.py: opens over bad answers, lets a few through, and always closes again."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from webqx_supervisor.core.breaker import JITTER, UNCOUNTED, Breaker, admitted
from webqx_supervisor.model import resilience
from webqx_supervisor.model.resilience import BreakerState

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
POLICY = resilience.Breaker(
    failure_rate=0.5,
    slow_rate=0.8,
    minimum=10,
    window=10.0,
    open_for=2.0,
    longest_open=10.0,
    trial=3,
)


def no_chance() -> float:
    return 0.0


def ask(breaker, now, *, failed=False, slow=False):
    """Send one request and take its outcome in."""
    return breaker.settle(breaker.enter(), now, failed, slow)


def opened(policy=POLICY, now=0.0, chance=no_chance):
    breaker = Breaker(policy, chance)
    for _ in range(policy.minimum):
        ask(breaker, now, failed=True)
    assert breaker.state is OPEN
    return breaker


def test_failures_beyond_the_rate_open_it_with_the_reason():
    breaker = Breaker(POLICY, no_chance)
    moved = [ask(breaker, 1.0, failed=number % 2 == 1) for number in range(10)]
    assert moved == [False] * 9 + [True]
    assert breaker.state is OPEN
    assert breaker.ejected
    assert breaker.reason == "5 of 10 requests failed within 10 s; tried again after 2.0 s"


def test_slowness_opens_it_too():
    breaker = Breaker(POLICY, no_chance)
    for number in range(10):
        ask(breaker, 1.0, slow=number < 8)
    assert breaker.state is OPEN
    assert "8 of 10 requests were slow" in breaker.reason


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans(), st.booleans()), max_size=9))
def test_few_requests_never_open_it(outcomes):
    breaker, now = Breaker(POLICY, no_chance), 0.0
    for pause, failed, slow in outcomes:
        now += pause
        assert not ask(breaker, now, failed=failed, slow=slow)
    assert breaker.state is CLOSED


def test_failures_long_ago_do_not_count():
    breaker, now = Breaker(POLICY, no_chance), 0.0
    for _ in range(100):
        now += 1.2
        ask(breaker, now, failed=True)
    assert breaker.state is CLOSED


def test_after_its_time_a_trial_begins_and_good_answers_close_it():
    breaker = opened()
    assert not breaker.try_again(1.9)
    assert breaker.try_again(2.0)
    tickets = [breaker.enter() for _ in range(3)]
    assert breaker.ejected
    assert breaker.enter() == UNCOUNTED
    assert [breaker.settle(ticket, 2.1, False, False) for ticket in tickets] == [False, False, True]
    assert breaker.state is CLOSED
    assert not breaker.ejected


@pytest.mark.parametrize(("failed", "slow"), [(True, False), (False, True)])
def test_one_bad_answer_in_the_trial_opens_it_for_twice_as_long(failed, slow):
    breaker, now = opened(), 0.0
    for rest in (4.0, 8.0, 10.0, 10.0):
        now = breaker.until
        breaker.try_again(now)
        assert ask(breaker, now, failed=failed, slow=slow)
        assert breaker.state is OPEN
        assert breaker.until - now == pytest.approx(rest)


def test_a_worker_that_was_well_for_long_begins_anew():
    breaker = opened()
    breaker.try_again(2.0)
    ask(breaker, 2.0, failed=True)
    breaker.try_again(6.0)
    for _ in range(3):
        ask(breaker, 6.0)
    for _ in range(10):
        ask(breaker, 30.0, failed=True)
    assert breaker.until == pytest.approx(32.0)


@given(st.floats(0, 1, exclude_max=True))
def test_chance_only_lengthens_the_time(chance):
    breaker = opened(chance=lambda: chance)
    assert POLICY.open_for <= breaker.until <= POLICY.open_for * (1 + JITTER)


def test_what_was_on_its_way_when_it_opened_says_nothing():
    breaker = Breaker(POLICY, no_chance)
    early = breaker.enter()
    for _ in range(10):
        ask(breaker, 0.0, failed=True)
    assert not breaker.settle(early, 1.0, True, False)
    breaker.try_again(2.0)
    assert not breaker.settle(early, 2.0, True, False)
    assert breaker.state is HALF_OPEN


def test_a_request_of_the_trial_that_went_away_lets_another_through():
    breaker = opened()
    breaker.try_again(2.0)
    tickets = [breaker.enter() for _ in range(3)]
    assert breaker.forget(tickets[0])
    assert not breaker.ejected
    assert breaker.enter() == tickets[0]
    assert breaker.ejected


def test_a_good_answer_that_breaks_off_becomes_a_failure():
    breaker = Breaker(POLICY, no_chance)
    tickets = [breaker.enter() for _ in range(10)]
    for ticket in tickets:
        breaker.settle(ticket, 0.0, False, False)
    moved = [breaker.broke(ticket, 0.1) for ticket in tickets[:5]]
    assert moved == [False, False, False, False, True]


def test_an_answer_of_the_trial_that_breaks_off_fails_it():
    breaker = opened()
    breaker.try_again(2.0)
    ticket = breaker.enter()
    breaker.settle(ticket, 2.0, False, False)
    assert breaker.broke(ticket, 2.1)
    assert breaker.state is OPEN


@given(
    st.lists(st.sampled_from(["good", "bad", "slow", "away"]), max_size=80),
    st.lists(st.floats(0, 20), min_size=80, max_size=80),
)
def test_whatever_happened_enough_good_answers_close_it(past, pauses):
    breaker, now = Breaker(POLICY, no_chance), 0.0
    for what, pause in zip(past, pauses, strict=False):
        now += pause
        breaker.try_again(now)
        ticket = breaker.enter()
        if what == "away":
            breaker.forget(ticket)
        else:
            breaker.settle(ticket, now, what == "bad", what == "slow")
    now = max(now, breaker.until)
    breaker.try_again(now)
    for _ in range(POLICY.trial):
        ask(breaker, now)
    assert breaker.state is CLOSED


class Life(RuleBasedStateMachine):
    """Any order of requests, outcomes and time."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker(POLICY, no_chance)
        self.out: list[int] = []
        self.trial: list[int] = []
        self.trials = 0

    @rule(pause=st.floats(0, 4))
    def time_passes(self, pause):
        self.now += pause
        if self.breaker.try_again(self.now):
            self.trial, self.trials = [], 0

    @rule()
    def a_request_comes(self):
        ticket = self.breaker.enter()
        self.out.append(ticket)
        if self.breaker.state is HALF_OPEN and ticket != UNCOUNTED:
            self.trial.append(ticket)
            self.trials += 1

    @precondition(lambda self: self.out)
    @rule(failed=st.booleans(), slow=st.booleans(), at=st.integers(0, 1000))
    def one_is_answered(self, failed, slow, at):
        self.breaker.settle(self.out.pop(at % len(self.out)), self.now, failed, slow)

    @precondition(lambda self: self.out)
    @rule(at=st.integers(0, 1000))
    def one_goes_away(self, at):
        ticket = self.out.pop(at % len(self.out))
        if self.breaker.forget(ticket):
            self.trials -= 1

    @invariant()
    def the_trial_is_bounded(self):
        if self.breaker.state is HALF_OPEN:
            assert self.trials <= POLICY.trial

    @invariant()
    def an_ejected_one_is_not_closed(self):
        assert self.breaker.ejected == (
            self.breaker.state is OPEN
            or (self.breaker.state is HALF_OPEN and self.trials == POLICY.trial)
        )


TestLife = Life.TestCase


@dataclass(frozen=True)
class Worker:
    name: int
    ejected: bool
    badness: float = 0.0


WORKERS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=12).map(
    lambda them: [Worker(number, *each) for number, each in enumerate(them)]
)


@given(WORKERS, st.floats(0, 1))
def test_never_all_are_left_out_nor_more_than_the_share(workers, most):
    there = admitted(workers, most)
    assert there
    assert len(workers) - len(there) <= most * len(workers)
    assert all(worker in there for worker in workers if not worker.ejected)


@given(WORKERS, st.floats(0, 1))
def test_the_least_bad_come_back_first(workers, most):
    there = admitted(workers, most)
    back = [each.badness for each in there if each.ejected]
    out = [each.badness for each in workers if each not in there]
    assert not back or not out or max(back) <= min(out)
