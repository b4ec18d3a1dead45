"""What a person reads, letter by letter."""

import click
import pytest

from webqx_supervisor.cli import render

RUNNING = {
    "instance": 1,
    "pid": 12345,
    "port": 3001,
    "state": "RUNNING",
    "healthy": True,
    "restarts": 0,
    "uptime_s": 7512.3,
    "cpu_percent": 0.14,
    "rss_bytes": 22439526,
    "in_flight": 0,
    "requests": 1204,
    "reason": "",
}
ILL = {**RUNNING, "instance": 2, "port": 3002, "healthy": False, "reason": "answered 503 to /"}
FATAL = {
    **RUNNING,
    "pid": None,
    "port": None,
    "state": "FATAL",
    "healthy": False,
    "restarts": 10,
    "reason": "pid 123 exited 7 after 0.1 s",
}
API = {
    "name": "api",
    "state": "DEGRADED",
    "instances": 2,
    "workers": [RUNNING, ILL],
    "listen": ["127.0.0.1:3000", "[::1]:3000"],
}
JOB = {"name": "job", "state": "FATAL", "instances": 1, "workers": [FATAL], "listen": []}
STATUS = {
    "daemon": {
        "pid": 11,
        "version": "0.1.0",
        "uptime_s": 7513,
        "name": "shop",
        "file": "/shop/services.toml",
        "keeper_pid": 10,
    },
    "proxies": [
        {"pid": 12, "connections": 3, "requests": 2408, "uptime_s": 7512, "rss_bytes": 25_000_000}
    ],
    "services": [API, JOB],
}

STATUS_SHOWN = """\
SERVICE  STATE     WORKERS  PORTS       LISTEN
api      DEGRADED      1/2  3001, 3002  127.0.0.1:3000, [::1]:3000
job      FATAL         0/1  -           -

WORKER  STATE      PID  PORT  UPTIME  RESTARTS   CPU    MEM  IN FLIGHT  REQUESTS
api:1   RUNNING  12345  3001   2h05m         0  0.1%  21.4M          0      1204
api:2   RUNNING  12345  3002   2h05m         0  0.1%  21.4M          0      1204
  answered 503 to /
job:1   FATAL        -     -       -        10     -      -          -         -
  pid 123 exited 7 after 0.1 s

proxy   pid 12, up 2h05m, 23.8M, 3 connections, 2408 requests
daemon  pid 11, up 2h05m, webqx-sv 0.1.0, /shop/services.toml"""


def test_the_status_fits_a_terminal_of_80_columns():
    shown = click.unstyle(render.status(STATUS))

    assert shown == STATUS_SHOWN
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        ([3001, 3002, 3003], "3001, 3002, 3003"),
        (range(3001, 3005), "3001-3004"),
        ([3001, *range(3003, 3203), 3204, 3205], "3001, 3003-3202, 3204, 3205"),
    ],
)
def test_a_long_row_of_ports_is_shown_by_its_ends(ports, shown):
    workers = [{**RUNNING, "instance": port - 3000, "port": port} for port in ports]
    line = click.unstyle(render.services([{**API, "workers": workers}])).splitlines()[1]
    assert f"  {shown}  127.0.0.1:3000" in line


def test_the_status_of_a_daemon_without_services_is_the_daemon():
    idle = {**STATUS, "services": [], "proxies": []}

    assert click.unstyle(render.status(idle)).splitlines() == [STATUS_SHOWN.splitlines()[-1]]


@pytest.mark.parametrize(
    ("service", "color"), [(API, "yellow"), (JOB, "red"), ({**API, "state": "RUNNING"}, "green")]
)
def test_the_state_is_coloured(service, color):
    assert click.style(service["state"], fg=color) in render.services([service])


def test_a_worker_that_runs_but_is_ill_is_not_green():
    well, ill = click.style("RUNNING", fg="green"), click.style("RUNNING", fg="yellow")

    assert well in render.workers([{**API, "workers": [RUNNING]}])
    assert ill in render.workers([{**API, "workers": [ILL]}])


def test_colours_do_not_shift_columns():
    coloured = [[click.style("a", fg="red"), "1"], ["bbb", "22"]]

    assert click.unstyle(render.table(("X", ">Y"), coloured)).splitlines() == [
        "X     Y",
        "a     1",
        "bbb  22",
    ]


def test_a_failure_shows_the_last_words():
    shown = click.unstyle(render.failure("api", "exited 7", ["Traceback", "Boom"]))

    assert shown == "api: exited 7\n  | Traceback\n  | Boom"


@pytest.mark.parametrize(
    ("service", "instance", "who"), [("", 0, "daemon"), ("api", 0, "api"), ("api", 2, "api:2")]
)
def test_an_event_says_when_who_and_what(service, instance, who):
    event = {
        "at": 1_700_000_000.9,
        "kind": "exited",
        "text": "pid 7 exited 1",
        "service": service,
        "instance": instance,
    }

    assert render.event(event) == f"2023-11-14T22:13:20Z  {who}  exited  pid 7 exited 1"


def test_a_description_holds_definition_workers_and_events():
    answer = {
        "service": {
            "name": "job",
            "command": ["node", "my job.js"],
            "health": {"path": "/health/"},
            "env": ["API", "TOKEN"],
            "port": None,
            "depends_on": [["db", "ready"]],
            "secrets": [["KEY", "file:/run/key"]],
        },
        "environment": "production",
        "status": JOB,
        "events": [
            {"at": 0, "kind": "fatal", "text": "too often", "service": "job", "instance": 1}
        ],
    }

    definition, *rest = click.unstyle(render.description(answer)).split("\n\n")

    assert definition.splitlines() == [
        "name: job",
        "command: node 'my job.js'",
        "health:",
        "  path: /health/",
        "env: API, TOKEN",
        "port: -",
        "depends_on: db (ready)",
        "secrets: KEY (file:/run/key)",
        "environment: production",
    ]
    assert rest == [
        "SERVICE  STATE  WORKERS  PORTS  LISTEN\njob      FATAL      0/1  -      -",
        click.unstyle(render.workers([JOB])),
        "1970-01-01T00:00:00Z  job:1  fatal  too often",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (7512, "2h05m"),
        (86400, "1d00h"),
        (8_650_000, "100d02h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds, shown):
    assert render.duration(seconds) == shown


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "0.98K"),
        (20_000, "19.5K"),
        (512 * 1024, "512K"),
        (22_439_526, "21.4M"),
        (5 * 1024**3, "5.00G"),
        (5000 * 1024**3, "5000G"),
    ],
)
def test_a_size_has_three_digits(octets, shown):
    assert render.size(octets) == shown


def test_a_breaker_that_is_not_closed_is_told_below_its_worker():
    workers = [{**RUNNING, "breaker": "closed"}, {**ILL, "breaker": "half-open"}]
    shown = click.unstyle(render.workers([{**API, "workers": workers}])).splitlines()
    assert len(shown) == 4
    assert shown[3] == "  answered 503 to /; breaker half-open"


def test_a_remote_worker_has_an_address_and_no_process():
    remote = {**RUNNING, "pid": None, "remote": "10.0.0.7:3001", "in_flight": 2}
    service = {**API, "instances": 1, "workers": [remote]}
    assert "10.0.0.7:3001" in click.unstyle(render.services([service]))
    (row,) = click.unstyle(render.workers([service])).splitlines()[1:]
    assert row.split() == ["api:1", "RUNNING", "-", "3001", "-", "-", "-", "-", "2", "1204"]


def test_what_scales_shows_its_span_and_what_was_decided_and_what_holds_it_back():
    scaled = {"min": 1, "max": 8, "decided": "", "decided_at": None, "held": ""}
    shown = click.unstyle(render.status({**STATUS, "services": [{**API, "autoscale": scaled}]}))
    assert "\nscales  api: 1 to 8 workers\nproxy " in shown
    scaled |= {
        "decided": "from 2 to 4: 31 in flight, target 8 each",
        "decided_at": 1_700_000_000,
        "held": "a worker takes 180M, 90M are available",
    }
    shown = click.unstyle(render.status({**STATUS, "services": [{**API, "autoscale": scaled}]}))
    assert (
        """
scales  api: 1 to 8 workers
        2023-11-14T22:13:20Z  from 2 to 4: 31 in flight, target 8 each
        stays at 2: a worker takes 180M, 90M are available
"""
        in shown
    )
