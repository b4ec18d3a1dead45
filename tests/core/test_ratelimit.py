"""core/ratelimit.py: never more than burst + rate * time, to the ns, and what clients are told."""

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.ratelimit import SECOND, Quota, policy_line, seconds
from webqx_supervisor.model.limits import RateLimit

counts = st.integers(1, 50)
periods = st.sampled_from([0.01, 0.7, 1.0, 60.0, 900.0])
gaps = st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=60)


def quota(count, period, burst, label="x", **more):
    return Quota(RateLimit(count, period, burst, label=label, **more))


quotas = st.builds(quota, counts, periods, counts)


def passed(limit, times, due=0):
    """Return the times at which a client's request passes that asks at these times."""
    taken = []
    for now in times:
        if limit.lacks(due, now) == 0:
            due = limit.taken(due, now)
            taken.append(now)
    return taken


def schedule(gaps):
    now, times = 0, []
    for gap in gaps:
        now += gap
        times.append(now)
    return times


@given(quotas, gaps)
def test_no_window_holds_more_than_the_burst_and_what_the_rate_adds(limit, gaps):
    taken = passed(limit, schedule(gaps))
    for first, begin in enumerate(taken):
        for last, end in enumerate(taken[first:], 1):
            assert (last - limit.burst) * limit.interval <= end - begin


@given(counts, periods)
def test_an_interval_is_never_shorter_than_the_rate_says(count, period):
    assert quota(count, period, 1).interval * count >= round(period * SECOND)


@given(quotas, gaps, st.integers(0, SECOND))
def test_what_is_told_of_the_next_request_is_exact(limit, gaps, later):
    due, now = 0, 0
    for now in schedule(gaps):
        if limit.lacks(due, now) == 0:
            due = limit.taken(due, now)
    wait = limit.lacks(due, now)
    assert limit.lacks(due, now + wait) == 0
    assert limit.lacks(due, now + wait + later) == 0
    if wait:
        assert limit.lacks(due, now + wait - 1) == 1


@given(quotas, gaps)
def test_as_many_as_are_left_pass_at_once_and_no_more(limit, gaps):
    due, now = 0, 0
    for now in schedule(gaps):
        if limit.lacks(due, now) == 0:
            due = limit.taken(due, now)
    left = limit.left(due, now)
    assert len(passed(limit, [now] * 100, due)) == left
    assert left <= limit.burst


@given(quotas, st.integers(0, 10**15))
def test_a_client_that_was_quiet_long_enough_has_its_whole_burst_again(limit, begin):
    taken = passed(limit, [begin] * 60)
    assert len(taken) == limit.burst
    assert len(passed(limit, [begin + limit.capacity] * 60, begin + limit.capacity)) == limit.burst


def test_a_burst_then_one_by_one_at_the_rate():
    limit = quota(10, 1.0, 20)
    times = [step * SECOND // 100 for step in range(200)]  # 100 a second for 2 s
    taken = passed(limit, times)
    assert taken[:20] == times[:20]
    assert len(taken) in range(38, 41)


def test_clients_are_told_where_they_stand_in_new_words_and_old_ones():
    limit = quota(10, 1.0, 20, label='say "x"')
    due = limit.taken(limit.taken(0, 5), 5)
    assert limit.fields(due, 5) == (
        b'RateLimit: "say \\"x\\"";r=18;t=1\r\n'
        b"RateLimit-Limit: 20\r\nRateLimit-Remaining: 18\r\nRateLimit-Reset: 1\r\n"
    )
    assert policy_line([limit, quota(1000, 900.0, 1000)]) == (
        b'RateLimit-Policy: "say \\"x\\"";q=20;w=2, "x";q=1000;w=900\r\n'
    )


def test_what_is_told_stays_true_when_it_is_told_thousands_of_times():
    limit = quota(5000, 1.0, 5000)
    told = set()
    due = 0
    for _ in range(5000):
        due = limit.taken(due, 1)
        told.add(limit.fields(due, 1))
    assert len(told) == 5000
    assert b"Remaining: 0\r\n" in limit.fields(due, 1)


def test_parts_of_a_second_are_told_as_a_whole_one():
    assert [seconds(ns) for ns in (-5, 0, 1, SECOND, SECOND + 1)] == [0, 0, 1, 1, 2]
