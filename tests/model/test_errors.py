"""model/errors.py: the words, the exit codes, the statuses."""

import pytest

from webqx_supervisor.model import errors
from webqx_supervisor.model.errors import ConfigError, Problem, WebqxError


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (Problem("services.toml", 4, "services.api", "no"), "services.toml:4: services.api: no"),
        (Problem("services.toml", None, "services", "no"), "services.toml: services: no"),
        (Problem("services.toml", 9, "", "no TOML"), "services.toml:9: no TOML"),
        (Problem("services.toml", None, "", "not there"), "services.toml: not there"),
    ],
)
def test_a_problem_says_where_which_and_what(problem: Problem, words: str) -> None:
    assert str(problem) == words


def test_a_wrong_file_tells_every_problem_on_a_line_of_its_own() -> None:
    problems = [Problem("f", 1, "a", "one"), Problem("f", 2, "b", "two")]
    error = ConfigError(problems)
    assert str(error) == "f:1: a: one\nf:2: b: two"
    assert error.problems == tuple(problems)


@pytest.mark.parametrize(
    ("kind", "exit_code", "status"),
    [
        (errors.WebqxError, 1, 500),
        (errors.UsageError, 2, 400),
        (errors.DaemonNotRunning, 3, 503),
        (errors.NoSuchService, 4, 404),
        (errors.CannotStart, 1, 409),
        (errors.NotReady, 1, 409),
        (errors.ConfigError, 78, 422),
    ],
)
def test_every_error_knows_its_exit_code_and_its_status(
    kind: type[WebqxError], exit_code: int, status: int
) -> None:
    assert issubclass(kind, WebqxError)
    assert (kind.exit_code, kind.status) == (exit_code, status)
