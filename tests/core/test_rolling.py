"""core/rolling.py: when a worker has had its time."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core import rolling

LUCK = st.floats(0, 1, exclude_max=True)


@given(st.floats(1, 1e9), LUCK)
def test_a_limit_is_drawn_up_to_a_tenth_shorter(limit: float, luck: float) -> None:
    assert 0.89 * limit <= rolling.drawn(limit, luck) <= limit


@given(st.floats(0, 2e9), st.floats(0.1, 1e9), LUCK)
def test_nobody_is_late_by_more_than_a_tenth_of_the_way_to_the_next_time(
    tick: float, gap: float, luck: float
) -> None:
    late = rolling.delay(tick, tick + gap, luck)
    assert 0 <= late <= min(10, 0.11 * gap + 1e-6)


def test_a_time_that_has_no_next_one_still_has_a_delay() -> None:
    assert rolling.delay(0, float("inf"), 0.5) == 5


def test_requests_are_counted_on_when_new_proxies_count_from_zero() -> None:
    odometer = rolling.Odometer()
    assert [odometer.read(each) for each in (5, 9, 2, 2, 8, 0)] == [5, 9, 11, 11, 17, 17]


@given(st.lists(st.integers(0, 1000)))
def test_the_count_never_goes_back(answered: list[int]) -> None:
    odometer, before = rolling.Odometer(), 0
    for each in answered:
        read = odometer.read(each)
        assert read >= max(before, each)
        before = read


def test_the_reason_tells_which_limit_it_was_and_zero_is_none() -> None:
    assert rolling.reason(10, 10, 0, 0) == "is 10 s old"
    assert rolling.reason(9, 10, 5, 5) == "has answered 5 requests"
    assert rolling.reason(1e9, 0, 10**9, 0) == ""
