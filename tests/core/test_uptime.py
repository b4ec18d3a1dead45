"""For how long services were up."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.uptime import Uptime


def test_each_state_counts_until_the_next_one():
    uptime = Uptime()
    uptime.see({"api": True}, 100.0)
    uptime.see({"api": False}, 110.0)
    uptime.see({"api": True}, 112.0)
    uptime.see({"api": True}, 120.0)
    assert uptime.take("api") == (18.0, 20.0)
    assert uptime.take("api") == (0.0, 0.0)


def test_what_nobody_wants_up_is_not_due():
    uptime = Uptime()
    uptime.see({"api": None}, 0.0)
    uptime.see({"api": True}, 50.0)
    uptime.see({"api": None}, 60.0)
    uptime.see({}, 90.0)
    assert uptime.take("api") == (10.0, 10.0)


def test_services_that_come_and_go_are_apart():
    uptime = Uptime()
    uptime.see({"a": True}, 0.0)
    uptime.see({"a": True, "b": False}, 5.0)
    uptime.see({"b": True}, 7.0)
    uptime.see({}, 10.0)
    assert (uptime.take("a"), uptime.take("b")) == ((7.0, 7.0), (3.0, 5.0))


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from([True, False, None]))))
def test_up_is_never_longer_than_due_and_due_than_the_time(steps):
    uptime, now = Uptime(), 0.0
    for step, state in steps:
        now += step
        uptime.see({"api": state}, now)
    up, due = uptime.take("api")
    assert 0 <= up <= due <= now
