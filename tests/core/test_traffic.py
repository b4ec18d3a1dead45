import bisect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core import counting, traffic
from webqx_supervisor.core.counting import BOUNDS, BUCKETS, NUMBERS
from webqx_supervisor.core.traffic import Histogram, Traffic
from webqx_supervisor.model.history import Served


def histogram(*times: float) -> Histogram:
    buckets = [0] * BUCKETS
    for each in times:
        buckets[bisect.bisect_left(BOUNDS, each)] += 1
    return Histogram(tuple(buckets), sum(times))


def test_nothing_has_no_quantile():
    assert Histogram().quantile(0.5) is None


def test_between_two_bounds_time_is_taken_for_even():
    times = histogram(*[0.02] * 100)  # all between 10 and 25 ms
    assert times.quantile(0.5) == pytest.approx(0.0175)
    assert times.quantile(1) == pytest.approx(0.025)


def test_what_takes_longest_of_all_counts_as_the_last_bound():
    assert histogram(1000.0).quantile(0.99) == BOUNDS[-1]


@given(st.lists(st.floats(0.0001, 59), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_in_the_bucket_of_the_real_one(times, share):
    ranked = sorted(times)
    rank = share * len(times)
    real = ranked[max(0, min(len(times), -int(-rank // 1)) - 1)]
    found = histogram(*times).quantile(share)
    at = bisect.bisect_left(BOUNDS, real)
    assert found is not None
    assert (0 if at == 0 else BOUNDS[at - 1]) <= found <= BOUNDS[at] + 1e-9


@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0, 100)))
def test_histograms_are_added_and_taken_apart(one, other):
    both = histogram(*one) + histogram(*other)
    assert both.buckets == histogram(*one, *other).buckets
    assert both.count == len(one) + len(other)
    assert (both - histogram(*one)).buckets == histogram(*other).buckets
    assert both.cumulative()[-1] == both.count


def entry(**places: int) -> list[int]:
    numbers = [0] * NUMBERS
    for name, number in places.items():
        numbers[getattr(counting, name)] = number
    return numbers


ENTRIES = {
    ("route", "web:/", "api"): entry(IN_FLIGHT=2, RETRIES=3, SENT=100, RECEIVED=50),
    ("route", "web:/b", "api"): entry(IN_FLIGHT=1, SENT=1),
    ("answers", "web:/", "api", "2"): entry(ANSWERED=5, ANSWERS_MICROS=2_500_000),
    ("answers", "web:/", "api", "5"): entry(ANSWERED=1),
    ("errors", "web:/", "api"): [4 if at == counting.error(502) else 0 for at in range(NUMBERS)],
    ("worker", "api", "1"): [1, 2, 3, 4, 5, 6, *[0] * (NUMBERS - 6)],
    ("queue", "api"): entry(WAITING=7, WAITED_MICROS=1_000_000),
}


def test_the_traffic_of_a_route_is_put_together_from_its_entries():
    route = traffic.by_route(ENTRIES)["web:/", "api"]
    assert route.requests == 6
    assert route.answered == (0, 5, 0, 0, 1)
    assert route.durations.seconds == 2.5
    assert (route.in_flight, route.retries, route.sent, route.received) == (2, 3, 100, 50)
    assert route.errors == ((502, 4),)


def test_that_of_a_service_from_its_routes():
    service = traffic.by_service(ENTRIES)["api"]
    assert (service.in_flight, service.sent, service.requests) == (3, 101, 6)
    assert service.errors == ((502, 4),)


def test_workers_and_queues_have_entries_of_their_own():
    worker = traffic.by_worker(ENTRIES)["api", 1]
    assert (worker.answered, worker.failures) == ((1, 2, 3, 4, 5), 6)
    waiting, waits = traffic.waits(ENTRIES)["api"]
    assert (waiting, waits.seconds) == (7, 1.0)


def test_errors_are_added_by_status():
    both = Traffic(errors=((404, 1), (502, 2))) + Traffic(errors=((502, 3), (504, 4)))
    assert both.errors == ((404, 1), (502, 5), (504, 4))


def test_two_looks_say_what_was_between_them():
    before = Traffic(answered=(0, 5, 0, 1, 1), durations=histogram(*[5.0] * 7))
    after = before + Traffic(answered=(0, 3, 0, 0, 1), durations=histogram(*[0.02] * 4))
    found = traffic.served(before, after, 10.0)
    assert (found.span, found.requests, found.errors) == (10.0, 4, 1)
    assert found.p50 == pytest.approx(0.0175)
    assert traffic.served(after, after, 10.0) == Served(10.0)
    assert traffic.served(after, Traffic(), 10.0).requests == 0  # begun anew
