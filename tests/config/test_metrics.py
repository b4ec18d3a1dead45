"""config/metrics.py: where Prometheus may fetch the metrics, and what is wrong there."""

import pytest

from webqx_supervisor.config.metrics import metrics_problems
from webqx_supervisor.config.schema import Daemon
from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.auth import Source, SourceKind
from webqx_supervisor.model.config import MetricsDoor
from webqx_supervisor.model.errors import ConfigError

API = '[services.api]\ncommand = "true"\nport = 3001\nlisten = 3000\ninstances = 2\n'


def parsed(said, folder="/tmp"):
    return parse(f"{API}[daemon]\nmetrics = {said}\n", f"{folder}/services.toml", 2).metrics


def problem(said, folder="/tmp"):
    with pytest.raises(ConfigError) as raised:
        parsed(said, folder)
    (found,) = raised.value.problems
    return found.line, found.key, found.message


def test_without_the_key_they_are_told_at_the_control_socket_alone():
    assert parse(API, "/tmp/services.toml", 2).metrics is None


@pytest.mark.parametrize("said", ["9100", '"127.0.0.1:9100"', "{ bind = 9100 }"])
def test_an_address_alone_is_all_it_needs(said):
    assert parsed(said) == MetricsDoor("127.0.0.1:9100")


def test_a_token_lets_others_in(tmp_path):
    (tmp_path / "t").write_text("secret")
    door = parsed('{ bind = "0.0.0.0:9100", token = "file:t" }', tmp_path)
    assert door == MetricsDoor("0.0.0.0:9100", Source(SourceKind.SECRET, f"file:{tmp_path / 't'}"))


def test_a_token_may_be_a_credential_of_systemd(tmp_path):
    (tmp_path / "scrape").write_text("secret\n")
    entry = Daemon.model_validate({"metrics": {"bind": 9100, "token": "cred:scrape"}}).metrics
    assert not list(metrics_problems(entry, str, {"CREDENTIALS_DIRECTORY": str(tmp_path)}))
    ((_, told),) = metrics_problems(entry, str, {})
    assert told == "no credentials here: systemd sets no CREDENTIALS_DIRECTORY for the daemon"


def test_a_token_of_the_environment_is_looked_for_there():
    entry = Daemon.model_validate({"metrics": {"bind": 9100, "token": "env:T"}}).metrics
    assert not list(metrics_problems(entry, str, {"T": "secret"}))
    (found,) = metrics_problems(entry, str, {})
    assert found == (
        ("daemon", "metrics", "token"),
        "T is not set in the environment that the daemon was started in",
    )


@pytest.mark.parametrize("bind", ['"0.0.0.0:9100"', '"[::]:9100"', '"10.0.0.1:9100"'])
def test_without_one_only_the_loopback_is_taken(bind):
    line, key, message = problem(bind)
    assert (line, key) == (7, "daemon.metrics.bind")
    assert "wanted a `token`" in message


def test_the_loopback_of_ipv6_is_one_too():
    assert parsed('"[::1]:9100"') == MetricsDoor("[::1]:9100")


@pytest.mark.parametrize(
    ("said", "key", "words"),
    [
        ("true", "daemon.metrics", "wanted a port or an address"),
        ('"9100x"', "daemon.metrics", "wanted a port or an address"),
        ('{ token = "env:HOME" }', "daemon.metrics.bind", ""),
        ('{ bind = 9100, tokn = "x" }', "daemon.metrics.tokn", "token"),
        ('{ bind = 9100, token = "hunter2" }', "daemon.metrics.token", 'wanted "file:NAME"'),
        ('{ bind = 9100, token = "file:none" }', "daemon.metrics.token", "/tmp/none"),
        ("3000", "daemon.metrics.bind", "collides with 127.0.0.1:3000 of services.api"),
        ("9100\ndashboard = 9100", "daemon.dashboard.bind", "127.0.0.1:9100 of daemon.metrics"),
        ("3002", "daemon.metrics.bind", "is one of 3001-3002 of service `api`"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_key(said, key, words):
    def read_text(path):
        raise FileNotFoundError(2, "No such file or directory", path)

    with pytest.raises(ConfigError) as raised:
        parse(f"{API}[daemon]\nmetrics = {said}\n", "/tmp/services.toml", 2, read_text)
    (found,) = raised.value.problems
    assert (found.line, found.key) == (7 + said.count("\n"), key)
    assert words in found.message
    assert "hunter2" not in found.message


def test_an_empty_token_is_none(tmp_path):
    (tmp_path / "t").write_text(" \n")
    _, key, message = problem('{ bind = 9100, token = "file:t" }', tmp_path)
    assert (key, message) == ("daemon.metrics.token", "there is nothing in it")
