"""The verbs that only look, against a fake daemon."""

import json

import click
import pytest

from webqx_supervisor.cli import render

STATUS = {
    "daemon": {
        "pid": 11,
        "version": "0.1.0",
        "uptime_s": 5,
        "name": "x",
        "file": "/x",
        "keeper_pid": 10,
    },
    "proxies": [],
    "services": [
        {"name": "api", "state": "FATAL", "instances": 1, "workers": [], "listen": ["127.0.0.1:80"]}
    ],
}
EVENT = {"at": 7.0, "kind": "ready", "text": "pid 5", "service": "api", "instance": 1, "pid": 5}


def test_status_exits_0_whatever_the_states(daemon, run):
    daemon.answers["GET", "/status"] = (200, STATUS)

    result = run("status")

    assert result.exit_code == 0
    assert result.stdout == click.unstyle(render.status(STATUS)) + "\n"


def test_status_as_json_is_the_answer_and_nothing_else(daemon, run):
    daemon.answers["GET", "/status"] = (200, STATUS)

    result = run("status", "--json")

    assert json.loads(result.stdout) == STATUS
    assert result.stderr == ""


@pytest.mark.parametrize(
    "words", [["status"], ["logs"], ["describe", "api"], ["events"], ["events", "-f"]]
)
def test_without_a_daemon_it_exits_3(run, words):
    result = run(*words)

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == "webqx-sv: the daemon is not running\n"


def test_a_service_that_is_not_there_exits_4(daemon, run):
    error = {"kind": "NoSuchService", "message": "no service 'x'", "exit_code": 4}
    daemon.answers["GET", "/describe"] = (404, {"error": error})

    result = run("describe", "x")

    assert (result.exit_code, result.stderr) == (4, "webqx-sv: no service 'x'\n")


def test_describe_asks_for_the_service_and_shows_it(daemon, run):
    answer = {
        "service": {"name": "a b", "command": ["true"], "depends_on": []},
        "status": STATUS["services"][0],
        "events": [EVENT],
    }
    daemon.answers["GET", "/describe"] = (200, answer)

    assert run("describe", "a b").stdout == click.unstyle(render.description(answer)) + "\n"
    assert json.loads(run("describe", "a b", "--json").stdout) == answer
    assert daemon.asked[0] == ("GET", "/describe?service=a+b", None)


def test_events_are_one_a_line(daemon, run):
    daemon.answers["GET", "/events"] = (200, {"events": [EVENT, EVENT]})

    assert run("events", "-n", "2").stdout == f"{render.event(EVENT)}\n" * 2
    assert json.loads(run("events", "--json").stdout) == {"events": [EVENT, EVENT]}
    assert daemon.asked[0] == ("GET", "/events?n=2", None)


def test_followed_events_are_read_across_the_borders_of_pieces(daemon, run):
    sent = b"data: " + json.dumps(EVENT).encode() + b"\n\n: comment\n\n"
    daemon.answers["GET", "/events"] = [(sent + sent)[:30], (sent + sent)[30:]]

    assert run("events", "-f").stdout == f"{render.event(EVENT)}\n" * 2
    assert run("events", "-f", "--json").stdout == f"{json.dumps(EVENT)}\n" * 2
