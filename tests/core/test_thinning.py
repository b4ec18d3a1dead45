"""Many points as few."""

import dataclasses
import itertools

from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.thinning import thinned
from webqx_supervisor.model.history import Point

POINT = Point(10, 10.0, 10.0, 10.0, 50, 0, 0.01, 0.02, 3, 12.0, 4096, 2, 1)


def points(number):
    return [dataclasses.replace(POINT, at=10 * (each + 1)) for each in range(number)]


def test_few_points_are_left_as_they_are():
    assert thinned(points(5), 5) == points(5)
    assert thinned([], 5) == []


def test_one_bad_point_among_many_is_still_seen():
    bad = dataclasses.replace(
        POINT, at=40, up_s=2.0, requests=100, errors=90, p50=0.04, p99=7.0, rss_bytes=9000
    )
    worse = dataclasses.replace(bad, workers_up=0, restarts=2, cpu_percent=36.0, in_flight=40)
    _, last = thinned([*points(3), worse], 2)
    assert last == Point(40, 20.0, 12.0, 20.0, 150, 90, 0.03, 7.0, 40, 24.0, 9000, 0, 2)


def test_points_without_requests_have_no_times():
    quiet = [dataclasses.replace(each, requests=0, p50=None, p99=None) for each in points(4)]
    assert [(each.p50, each.p99) for each in thinned(quiet, 2)] == [(None, None)] * 2


@given(st.integers(0, 300), st.integers(1, 40))
def test_nothing_is_lost_or_counted_twice(number, most):
    found = thinned(points(number), most)
    assert len(found) <= most
    assert sum(each.requests for each in found) == 50 * number
    assert sum(each.span for each in found) == 10.0 * number
    assert [each.at for each in found[-1:]] == ([10 * number] if number else [])
    assert all(later.at - earlier.at <= later.span for earlier, later in itertools.pairwise(found))
