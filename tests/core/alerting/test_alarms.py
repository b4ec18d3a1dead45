"""From what holds to what is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.alerting.alarms import (
    QUIET,
    Alarms,
    Finding,
    Turn,
    by_receiver,
)
from webqx_supervisor.model.alerts import Condition

DOWN = Finding(Condition.DOWN, "api", "no worker is up", patience=30.0)
HOUR = 3600.0


def turns(notices):
    return [notice.turn for notice in notices]


def test_it_is_told_once_it_has_held_for_long_enough():
    alarms = Alarms()
    assert alarms.see([DOWN], 100.0, HOUR) == []
    assert alarms.next_at(HOUR) == 130.0
    assert alarms.see([DOWN], 129.9, HOUR) == []
    (notice,) = alarms.see([DOWN], 130.0, HOUR)
    assert (notice.turn, notice.at, notice.for_s) == (Turn.BEGINS, 130.0, 30.0)
    assert alarms.see([DOWN], 131.0, HOUR) == []


def test_what_was_over_in_time_is_never_told():
    alarms = Alarms()
    alarms.see([DOWN], 0.0, HOUR)
    assert alarms.see([], 29.0, HOUR) == []
    assert alarms.see([DOWN], 30.0, HOUR) == []
    assert alarms.all[0].since == 30.0


def test_the_end_is_told_with_how_long_it_was():
    alarms = Alarms()
    alarms.see([DOWN], 0.0, HOUR)
    alarms.see([DOWN], 30.0, HOUR)
    assert alarms.see([], 50.0, HOUR) == []
    assert alarms.next_at(HOUR) == 50.0 + QUIET
    (notice,) = alarms.see([], 50.0 + QUIET, HOUR)
    assert (notice.turn, notice.for_s) == (Turn.IS_OVER, 50.0)
    assert alarms.all == ()


def test_what_flaps_is_one_alarm():
    alarms = Alarms()
    alarms.see([DOWN], 0.0, HOUR)
    told = turns(alarms.see([DOWN], 30.0, HOUR))
    for at in range(40, 200, 10):
        told += turns(alarms.see([DOWN] if at % 20 else [], float(at), HOUR))
    assert told == [Turn.BEGINS]


def test_what_lasts_is_told_again_and_with_zero_never():
    alarms = Alarms()
    alarms.see([DOWN], 0.0, HOUR)
    alarms.see([DOWN], 30.0, HOUR)
    assert alarms.next_at(HOUR) == 30.0 + HOUR
    assert turns(alarms.see([DOWN], 30.0 + HOUR, HOUR)) == [Turn.LASTS]
    assert alarms.next_at(0.0) is None
    assert alarms.see([DOWN], 10 * HOUR, 0.0) == []


def test_the_latest_text_is_the_one_that_is_told():
    alarms = Alarms()
    alarms.see([DOWN], 0.0, HOUR)
    (notice,) = alarms.see([replace(DOWN, text="given up")], 30.0, HOUR)
    assert notice.finding.text == "given up"


def test_the_next_daemon_goes_on_with_it():
    first = Alarms()
    first.see([DOWN], 0.0, HOUR)
    first.see([DOWN], 30.0, HOUR)
    then = Alarms(first.all)
    assert then.see([DOWN], 60.0, HOUR) == []
    assert turns(then.see([], 70.0, HOUR) + then.see([], 70.0 + QUIET, HOUR)) == [Turn.IS_OVER]


@given(
    st.lists(st.tuples(st.integers(1, 100), st.booleans()), max_size=60),
    st.integers(0, 60),
    st.sampled_from([0.0, 50.0, HOUR]),
)
def test_begins_and_ends_take_turns(looks, patience, repeat):
    """Whatever happens when: nothing begins twice, or ends without having begun."""
    alarms, now, firing = Alarms(), 0.0, False
    finding = replace(DOWN, patience=patience)
    for step, holds in looks:
        now += step
        for notice in alarms.see([finding] if holds else [], now, repeat):
            assert firing == (notice.turn is not Turn.BEGINS)
            firing = notice.turn is not Turn.IS_OVER
        due = alarms.next_at(repeat)
        assert due is None or due > now


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ((), {"phone", "mail"}),
        (("mail",), {"mail"}),
        (("mail", "gone"), {"mail"}),
        (("gone",), set()),
    ],
)
def test_each_is_told_what_is_for_it(to, expected):
    alarms = Alarms()
    finding = replace(DOWN, patience=0.0, to=to)
    notices = alarms.see([finding], 0.0, HOUR)
    assert set(by_receiver(notices, ["phone", "mail"])) == expected
