"""config/resilience.py: breakers and retries, as a person writes them."""

import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.resilience import Breaker, Retry

HERE = "/tmp/services.toml"
API = '[services.api]\ncommand = "true"\nport = 3001\nlisten = 3000\n'


def retries(text):
    return [route.filters.retry for route in parse(text, HERE, 2).routes]


def test_true_is_a_breaker_with_all_defaults_and_false_is_none():
    assert parse(API + "breaker = true", HERE, 2).breakers == (("api", Breaker()),)
    assert parse(API + "breaker = false", HERE, 2).breakers == ()
    assert parse(API, HERE, 2).breakers == ()


def test_a_breaker_takes_shares_and_durations():
    text = API + '[services.api.breaker]\nfailure_rate = "12.5%"\nslow_after = "200ms"\n'
    ((_, breaker),) = parse(text + "statuses = [500]", HERE, 2).breakers
    assert (breaker.failure_rate, breaker.slow_after, breaker.statuses) == (0.125, 0.2, (500,))


def test_a_list_of_conditions_is_all_that_retry_needs():
    text = API + 'retry = ["connect", "timeout", 502, 503]'
    assert retries(text) == [Retry(timeout=True, statuses=(502, 503))]


def test_retries_are_off_unless_said_and_false_is_a_single_attempt():
    assert retries(API) == [None]
    assert retries(API + "retry = false") == [Retry(attempts=1)]


def test_a_route_takes_what_its_service_says_unless_it_says_otherwise():
    one, other, _ = retries(
        '[listeners.web]\nbind = 8080\n[[routes]]\nlistener = "web"\nservice = "api"\n'
        '[[routes]]\nlistener = "web"\nservice = "api"\npath = "/slow"\n'
        'retry = { on = "timeout", attempts = 2, time = "1m", budget = "5%" }\n'
        + API
        + "retry = [503]"
    )
    assert one == Retry(statuses=(503,))
    assert other == Retry(timeout=True, attempts=2, time=60.0, budget=0.05)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("breaker = 3", "breaker", "wanted a table"),
        ("breaker = { rate = 1 }", "breaker.rate", "unknown key"),
        ("breaker = { failure_rate = 0.5 }", "breaker.failure_rate", 'like "20%"'),
        ('breaker = { failure_rate = "0%" }', "breaker.failure_rate", "more than 0"),
        ('breaker = { failure_rate = "101%" }', "breaker.failure_rate", 'from "0%" to "100%"'),
        ("breaker = { trial = 0 }", "breaker.trial", "must be 1 or more"),
        ("breaker = { statuses = [200] }", "breaker.statuses[0]", "must be 400 or more"),
        ('retry = ["timeouts"]', "retry", "did you mean `timeout`"),
        ("retry = [200]", "retry", "a status from 400 to 599; found the number 200"),
        ("retry = { attempts = 0 }", "retry.attempts", "must be 1 or more"),
        ("retry = { times = 3 }", "retry.times", "did you mean `time`"),
        ("retry = true", "retry", "wanted a table"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(text, key, message):
    with pytest.raises(ConfigError) as raised:
        parse(API + text, HERE, 2)
    (problem,) = raised.value.problems
    assert problem.key.startswith(f"services.api.{key}")
    assert message in problem.message, problem


def test_a_retry_has_no_meaning_over_tcp():
    text = '[services.api]\ncommand = "true"\nport = 3001\nretry = [503]\n'
    with pytest.raises(ConfigError, match="has no meaning for a service behind tcp"):
        parse(text + 'listen = { bind = 3000, protocol = "tcp" }', HERE, 2)


STANDBY = "[services.standby]\n"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("http://10.0.0.7:3001", "10.0.0.7:3001"),
        ("http://Backup-Host/", "backup-host:80"),
        ("http://[2001:DB8::0:7]:3001", "[2001:db8::7]:3001"),
    ],
)
def test_a_remote_service_has_addresses_and_nothing_to_start(written, address):
    text = STANDBY + f'remote = "{written}"\nlisten = 3000\n'
    (service,) = parse(text + 'health = { path = "/well" }', HERE, 2).services
    assert (service.remote, service.command, service.instances) == ((address,), (), 1)


def test_a_route_may_lead_to_a_remote_service_and_have_it_as_backup():
    config = parse(
        STANDBY
        + 'remote = ["http://a:1", "http://b:2"]\n[listeners.web]\nbind = 8080\n[[routes]]\n'
        + 'listener = "web"\nservice = "api"\nbackup = "standby"\n'
        + API.replace("listen = 3000\n", ""),
        HERE,
        2,
    )
    assert config.routes[0].backup == "standby"
    assert config.service("standby").instances == 2


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("", "command", "is missing"),
        ("remote = []", "remote", "the list is empty"),
        ('remote = "https://a:1"', "remote", "https is not spoken to remote services"),
        ('remote = "http://a:1/path"', "remote", "without a path"),
        ('remote = "a:1"', "remote", 'wanted an address like "http://10.0.0.7:3001"'),
        ('remote = "http://a:0"', "remote", "wanted an address"),
        ('remote = "http://[::g]:1"', "remote", "wanted an address"),
        ('remote = "http://a:1"\ncommand = "b"', "remote", "runs here or elsewhere, not both"),
        (
            'remote = "http://a:1"\nport = 1',
            "port",
            "has no meaning for a service that is `remote`",
        ),
        ('remote = "http://a:1"\ninstances = 2', "instances", "has no meaning"),
    ],
)
def test_what_is_wrong_with_a_remote_service_is_told(text, key, message):
    with pytest.raises(ConfigError) as raised:
        parse(STANDBY + text, HERE, 2)
    (problem,) = raised.value.problems
    assert problem.key == f"services.standby.{key}"
    assert message in problem.message, problem
