"""What each row of `top` shows, from one answer of `status` after the other."""

import pytest

from webqx_supervisor.cli.top.rows import REMEMBERED, Rates, matching


def worker(instance=1, requests=0, pid=7, **more):
    return {
        "instance": instance,
        "pid": pid,
        "state": "RUNNING",
        "healthy": True,
        "restarts": 1,
        "cpu_percent": 2.5,
        "rss_bytes": 1000,
        "in_flight": 3,
        "requests": requests,
        "reason": "",
        **more,
    }


def service(*workers, name="api", state="RUNNING"):
    return {"name": name, "state": state, "instances": 2, "workers": list(workers)}


def test_a_service_shows_the_sum_of_its_workers():
    top, *rest = Rates().look([service(worker(1), worker(2, healthy=False))], 0.0)
    assert (top.name, top.detail, top.well) == ("api", "1/2", True)
    assert (top.cpu_percent, top.rss_bytes, top.in_flight, top.restarts) == (5.0, 2000, 6, 2)
    assert [(row.name, row.worker, row.well) for row in rest] == [
        ("api:1", True, True),
        ("api:2", True, False),
    ]


def test_both_say_what_the_last_seconds_were_like():
    served = {"span": 10.0, "requests": 50, "errors": 5, "p50": 0.01, "p99": 0.2}
    one = worker(1, latest=served, status_text="warming up")
    asked = service(one, worker(2, latest=None)) | {"latest": served | {"errors": 20}}
    rows = Rates().look([asked], 0.0)
    assert [(row.p99, row.errors) for row in rows] == [(0.2, 2.0), (0.2, 0.5), (None, None)]
    assert [row.p50 for row in rows] == [0.01, 0.01, None]
    assert [row.says for row in rows] == ["", "warming up", ""]


def test_a_rate_takes_two_looks():
    rates = Rates()
    assert [row.rate for row in rates.look([service(worker(1, 100), worker(2, 5))], 10.0)] == [
        None,
        None,
        None,
    ]
    rows = rates.look([service(worker(1, 120), worker(2, 6))], 12.0)
    assert [row.rate for row in rows] == [10.5, 10.0, 0.5]


@pytest.mark.parametrize("after", [worker(1, 8, pid=8), worker(1, 8, pid=7)])
def test_a_count_that_began_anew_is_no_negative_rate(after):
    rates = Rates()
    rates.look([service(worker(1, 100, pid=7))], 0.0)
    assert rates.look([service(after)], 2.0)[1].rate == 4.0


def test_two_looks_at_one_instant_give_no_rate():
    rates = Rates()
    rates.look([service(worker(1, 1))], 5.0)
    assert rates.look([service(worker(1, 2))], 5.0)[0].rate is None


def test_two_workers_of_one_number_have_rows_apart():
    rows = Rates().look([service(worker(1, pid=7), worker(1, pid=8))], 0.0)
    assert [row.name for row in rows] == ["api", "api:1", "api:1+"]


def test_no_more_rates_are_kept_than_are_wanted_and_none_of_what_is_gone():
    rates = Rates()
    for now in range(REMEMBERED + 9):
        rows = rates.look([service(worker(1, now))], float(now))
    assert [len(row.rates) for row in rows] == [REMEMBERED] * 2
    rates.look([], 1000.0)
    assert [row.rates for row in rates.look([service(worker(1, 1))], 1001.0)] == [(), ()]


ROWS = Rates().look(
    [service(worker(1), worker(2, state="FATAL")), service(worker(1), name="web")], 0.0
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", ["api", "api:1", "api:2", "web", "web:1"]),
        ("WEB", ["web", "web:1"]),
        ("api:2", ["api", "api:2"]),
        ("fatal", ["api", "api:2"]),
        ("x", []),
    ],
)
def test_a_filter_shows_what_it_finds_under_its_service(pattern, expected):
    assert [row.name for row in matching(ROWS, pattern)] == expected


def test_a_task_that_has_ended_is_as_well_as_the_daemon_says():
    ended = worker(state="EXITED", pid=None, healthy=False)
    for well in (True, False):
        rows = Rates().look([service(ended, state="EXITED") | {"well": well}], 0.0)
        assert [row.well for row in rows] == [well, well]
