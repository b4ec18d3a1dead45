"""Objectives, error budgets, burn rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.slo import HOUR, MINUTE, standings
from webqx_supervisor.model.history import Slo, Tally

DAY = 86400.0
WINDOW = 30 * DAY


def past(spans):
    """Return what says of each span what it was, and of others that it was good."""
    return lambda seconds: spans.get(seconds, Tally(seconds, seconds, 1000, 0))


def test_nothing_asked_for_nothing_judged():
    assert list(standings(Slo(), past({}))) == []


def test_availability_by_the_time_that_it_was_to_be_up():
    month = Tally(up_s=WINDOW - 1296.0, due_s=WINDOW, requests=0, errors=0)
    (standing,) = standings(Slo(availability=0.999), past({WINDOW: month}))
    assert standing.objective == "availability"
    assert standing.reached == pytest.approx(0.9995)
    assert standing.budget_left == pytest.approx(0.5)
    assert standing.burn == ((HOUR, 0.0), (6 * HOUR, 0.0))
    assert standing.alarm == ""


def test_the_first_seconds_of_a_service_wake_nobody_up():
    (standing,) = standings(Slo(availability=0.999), lambda _: Tally(up_s=5.0, due_s=20.0))
    assert standing.reached == 0.25
    assert standing.burn[0] == (HOUR, pytest.approx(15 / 3600 / 0.001))
    assert standing.alarm == ""
    (standing,) = standings(Slo(availability=0.999), lambda _: Tally(up_s=5.0, due_s=65.0))
    assert standing.alarm, "a minute of an hour is"


def test_errors_by_the_requests_that_failed():
    month = Tally(WINDOW, WINDOW, requests=10_000, errors=20)
    (standing,) = standings(Slo(errors=0.001), past({WINDOW: month}))
    assert standing.target == pytest.approx(0.999)
    assert standing.reached == pytest.approx(0.998)
    assert standing.budget_left == pytest.approx(-1.0)


def test_both_stand_apart():
    assert [each.objective for each in standings(Slo(0.99, 0.01), past({}))] == [
        "availability",
        "errors",
    ]


def test_of_what_is_not_known_nothing_is_said():
    (standing,) = standings(Slo(errors=0.01), lambda _: Tally())
    assert (standing.reached, standing.budget_left, standing.alarm) == (None, None, "")


@pytest.mark.parametrize(
    ("long", "short", "alarms"),
    [
        ((HOUR, 15), (5 * MINUTE, 15), True),
        ((HOUR, 15), (5 * MINUTE, 1), False),
        ((HOUR, 14), (5 * MINUTE, 99), False),
        ((6 * HOUR, 7), (30 * MINUTE, 7), True),
        ((6 * HOUR, 7), (30 * MINUTE, 5), False),
    ],
)
def test_somebody_is_woken_up_by_what_was_bad_and_still_is(long, short, alarms):
    spans = {seconds: Tally(0, 0, 100_000, rate * 100) for seconds, rate in (long, short)}
    (standing,) = standings(Slo(errors=0.001), past(spans))
    assert bool(standing.alarm) == alarms


def test_few_errors_wake_nobody_up():
    def of_two(errors):
        return lambda _: Tally(0, 0, 2 * errors, errors)

    (standing,) = standings(Slo(errors=0.01), of_two(4))
    assert (standing.burn[0][1], standing.alarm) == (pytest.approx(50), "")
    (standing,) = standings(Slo(errors=0.01), of_two(5))
    assert standing.alarm
    (standing,) = standings(Slo(errors=0.01, min_errors=1), of_two(1))
    assert standing.alarm


@given(st.floats(0.5, 0.9999), st.integers(1, 10**6), st.data())
def test_more_failures_never_look_better(target, requests, data):
    fewer = data.draw(st.integers(0, requests))
    more = data.draw(st.integers(fewer, requests))

    def judged(errors):
        (standing,) = standings(Slo(errors=1 - target), lambda _: Tally(0.0, 0.0, requests, errors))
        return standing

    good, bad = judged(fewer), judged(more)
    assert bad.budget_left <= good.budget_left <= 1
    assert bad.burn >= good.burn
    assert bool(bad.alarm) >= bool(good.alarm)
