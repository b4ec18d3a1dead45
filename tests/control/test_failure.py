"""Errors travel over the control API and come out as they went in."""

import json

import pytest

from webqx_supervisor.control.failure import from_plain, to_plain
from webqx_supervisor.model.errors import (
    CannotStart,
    ConfigError,
    DaemonNotRunning,
    NoSuchService,
    NotReady,
    Problem,
    UsageError,
    WebqxError,
)


@pytest.mark.parametrize(
    "error",
    [
        WebqxError("broken"),
        UsageError("odd words"),
        DaemonNotRunning("gone"),
        NoSuchService("no service apj"),
        CannotStart("port 3001 is held"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_its_kind_and_words(error):
    plain = json.loads(json.dumps(to_plain(error)))
    back = from_plain(plain)
    assert (type(back), str(back)) == (type(error), str(error))
    assert plain["error"]["exit_code"] == error.exit_code


def test_a_configuration_error_keeps_every_problem():
    problems = (Problem("services.toml", 4, "services.api", "wrong"), Problem("x", None, "", "y"))
    back = from_plain(json.loads(json.dumps(to_plain(ConfigError(problems)))))
    assert isinstance(back, ConfigError)
    assert back.problems == problems


def test_a_worker_that_was_not_ready_keeps_its_last_words():
    back = from_plain(json.loads(json.dumps(to_plain(NotReady("exited 7", ["a", "b"])))))
    assert isinstance(back, NotReady)
    assert (str(back), back.lines) == ("exited 7", ("a", "b"))


def test_a_kind_of_a_later_version_is_still_an_error():
    back = from_plain({"error": {"kind": "TooLate", "message": "sorry", "exit_code": 1}})
    assert (type(back), str(back)) == (WebqxError, "sorry")


@pytest.mark.parametrize("plain", [None, [], {}, {"error": "no"}, {"error": {"kind": 3}}])
def test_what_is_no_error_of_ours_is_said_to_be_none(plain):
    assert "no answer of this program" in str(from_plain(plain))
