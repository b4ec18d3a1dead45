"""What `why` prints."""

import click

from webqx_supervisor.cli.evidence import evidence

REQUEST = {"method": "GET", "target": "/report", "age_s": 1.23, "request_id": "a-1"}
DEATH = {
    "service": "api",
    "instance": 2,
    "pid": 7,
    "at": 0.0,
    "uptime_s": 5.0,
    "text": "pid 7 exited 7 after 5.0 s",
    "last_lines": ["cannot open the database"],
    "requests": [REQUEST],
    "memory": [[55.0, 10 * 1024 * 1024], [0.0, 20 * 1024 * 1024]],
    "changes": ["api reload"],
}
ANSWER = {
    "service": "api",
    "instance": None,
    "state": "RUNNING",
    "workers": [{"instance": 1, "state": "RUNNING", "reason": ""}],
    "deaths": [DEATH],
    "quarantined": [],
}


def printed(**changes):
    return click.unstyle(evidence(ANSWER | changes))


def test_a_death_is_told_with_all_that_is_known():
    assert printed() == (
        "1970-01-01T00:00:00Z  api:2  pid 7 exited 7 after 5.0 s\n"
        "  in flight  GET /report, for 1.2 s (a-1)\n"
        "  memory     10.0M 20.0M (the last 55s)\n"
        "  before     api reload\n"
        "  | cannot open the database\n"
        "\n"
        "api is RUNNING now"
    )


def test_what_is_not_known_is_left_out():
    bare = DEATH | {"last_lines": [], "requests": [], "memory": [], "changes": []}
    assert printed(deaths=[bare]).splitlines()[1] == ""


def test_many_requests_are_counted():
    text = printed(deaths=[DEATH | {"requests": [REQUEST] * 15}])
    assert text.count("GET /report") == 10
    assert "and 5 more" in text


def test_without_a_death_it_says_so_and_how_things_are():
    down = {"instance": 3, "state": "FATAL", "reason": "no such program"}
    text = printed(deaths=[], instance=3, state="DEGRADED", workers=[down])
    assert text == (
        "api:3: no death is on record\n\napi:3 is FATAL now\n  api:3 FATAL: no such program"
    )


def test_a_refused_request_is_named():
    row = {"method": "GET", "target": "/x", "deaths": 3, "until": 0.0}
    assert "GET /x is refused until 00:00:00Z: 3 workers in a row died over it" in printed(
        quarantined=[row]
    )
