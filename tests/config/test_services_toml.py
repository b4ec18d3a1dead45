import os

import pytest

from webqx_supervisor.config.names import default_daemon_name
from webqx_supervisor.config.services_toml import missing_programs, parse
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Limits,
    Listener,
    Policy,
    Protocol,
    Route,
)
from webqx_supervisor.model.service import (
    Health,
    LogFormat,
    LogOutput,
    Logs,
    LogStreams,
    RestartPolicy,
    Service,
    Stop,
)

SMALLEST = """\
[services.api]
command = "node auth-server-social.js"
instances = 2
port = 3001
listen = 3000
"""

FULL = """\
[daemon]
name = "clinic"
state_dir = "~/.local/state/webqx-sv/clinic"
proxies = "max"

[services.api]
command = ["node", "auth-server-social.js"]
cwd = "backend"
env = { NODE_ENV = "production", TITLE = "{service} {instance}" }
env_file = ".env"
instances = "max-1"
port = 3001
depends_on = { db = "healthy" }
[services.api.health]
path = "/health/"
interval = "5s"
timeout = "2s"
rise = 1
fall = 3
start_timeout = "2m"
patience = "10s"
[services.api.stop]
signal = "SIGINT"
drain = "1m30s"
grace = "0s"
[services.api.restart]
first_delay = "100ms"
longest_delay = "1m"
healthy_after = "5s"
limit = 3
window = "30s"
retry_fatal = "5m"
[services.api.logs]
max_size = "1M"
keep = 0
streams = "apart"
output = "json"
format = "logfmt"
max_age = "1d"
compress = true
keep_for = "7d"
[services.api.forward]
connect_timeout = "1s"
response_timeout = "2m"
tunnel_timeout = "1h"
upgrade = ["websocket", "h2c"]
queue_size = 10
queue_timeout = "5s"
keepalive = "2s"
max_idle = 8

[services.api-standby]
command = "sleep 1"
port = 4001

[services.db]
command = "redis-server --port {port}"
port = 7001
listen = { bind = "127.0.0.1:7000", protocol = "tcp", idle_timeout = "10m" }

[listeners.web]
bind = ["0.0.0.0:80", "[::]:80"]
head_timeout = "5s"
max_head = "8k"
max_body = "10M"
write_timeout = "1m"
min_body_rate = "1k"
max_connections = 500
max_connections_per_client = 20

[[routes]]
listener = "web"
host = "api.webqx.com"
path = "/api/"
service = "api"
backup = "api-standby"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "backend").mkdir()
    (tmp_path / ".env").write_text("NODE_ENV=test\nKEY=1\n")
    return tmp_path


def parsed(text, folder, cpus=4):
    return parse(text, str(folder / "services.toml"), cpus)


def problems(text, folder):
    with pytest.raises(ConfigError) as caught:
        parsed(text, folder)
    return [(problem.line, problem.key, problem.message) for problem in caught.value.problems]


def test_the_smallest_file_has_the_defaults_of_the_model(folder):
    file = folder / "services.toml"
    assert parsed(SMALLEST, folder) == Config(
        name=default_daemon_name(file),
        file=str(file),
        services=(
            Service("api", ("node", "auth-server-social.js"), str(folder), instances=2, port=3001),
        ),
        listeners=(Listener("api", ("127.0.0.1:3000",)),),
        routes=(Route(listener="api", service="api"),),
        forwardings=(("api", Forwarding()),),
        balances=(("api", Balance()),),
    )


def test_the_full_file_is_carried_over_whole(folder):
    config = parsed(FULL, folder)
    assert (config.name, config.proxies) == ("clinic", 4)
    assert config.service("api") == Service(
        name="api",
        command=("node", "auth-server-social.js"),
        cwd=str(folder / "backend"),
        instances=3,
        port=3001,
        env=(("NODE_ENV", "production"), ("KEY", "1"), ("TITLE", "{service} {instance}")),
        health=Health("/health/", 5.0, 2.0, 1, 3, 120.0, 10.0),
        stop=Stop("SIGINT", 90.0, 0.0),
        restart=RestartPolicy(0.1, 60.0, 5.0, 3, 30.0, 300.0),
        logs=Logs(
            1024 * 1024,
            0,
            LogStreams.APART,
            LogOutput.JSON,
            LogFormat.LOGFMT,
            86_400.0,
            True,
            604_800.0,
        ),
        depends_on=(("db", "healthy"),),
    )
    assert config.listeners == (
        Listener("db", ("127.0.0.1:7000",), Protocol.TCP, Limits(idle_timeout=600.0)),
        Listener(
            "web",
            ("0.0.0.0:80", "[::]:80"),
            Protocol.HTTP,
            Limits(5.0, 75.0, 60.0, 1024, 8192, 10 * 1024 * 1024, 500, 20),
        ),
    )
    assert config.routes == (
        Route("web", "api", "api.webqx.com", "/api/", "api-standby"),
        Route("db", "db"),
    )
    assert dict(config.forwardings) == {
        "api": Forwarding(1.0, 120.0, 3600.0, ("websocket", "h2c"), 10, 5.0, 2.0, 8),
        "api-standby": Forwarding(),
        "db": Forwarding(),
    }


def test_a_value_of_the_model_can_be_told_from_its_text(folder):
    # The model compares and hashes by value, which a list in it would break.
    assert hash(parsed(FULL, folder)) == hash(parsed(FULL, folder))


def test_an_empty_file_wants_nothing(folder):
    assert parsed("", folder).services == ()


def test_every_problem_is_told_with_its_line_in_the_order_of_the_file(folder):
    text = """\
[services.api]
command = "node x.js"
instnaces = 2
port = 3001

[services.b]
command = "x"
cwd = "nowhere"
env_file = ["gone.env",
            ".env"]
port = 4000
instances = 2
listen = 4001

[[routes]]
listner = "b"
service = "b"

[[routes]]
listener = "b"
service = "c"
"""
    assert problems(text, folder) == [
        (3, "services.api.instnaces", "unknown key; did you mean `instances`?"),
        (8, "services.b.cwd", f"no such folder: {folder}/nowhere"),
        (
            9,
            "services.b.env_file",
            f"cannot read {folder}/gone.env: No such file or directory",
        ),
        (13, "services.b.listen", "port 4001 is one of 4000-4001 of service `b`"),
        (15, "routes[0].listener", "is missing"),
        (16, "routes[0].listner", "unknown key; did you mean `listener`?"),
        (
            19,
            "routes[1]",
            "requests for any host below / of `b` go to service `b` by its `listen` already",
        ),
        (21, "routes[1].service", "no service `c`"),
    ]


def test_a_problem_reads_file_line_key_message(folder):
    with pytest.raises(ConfigError) as caught:
        parse("[services.api]\ncommand = 'x'\nprot = 1", "services.toml", 1)
    assert str(caught.value) == (
        "services.toml:3: services.api.prot: unknown key; did you mean `port`?"
    )
    assert caught.value.exit_code == 78


def test_a_syntax_error_is_told_alone_with_its_line(folder):
    ((line, key, message),) = problems("[services.api]\nport = \nx = 1", folder)
    assert (line, key) == (2, "")
    assert message.startswith("not TOML: ")


def test_a_reference_to_a_service_with_an_error_of_its_own_is_no_further_error(folder):
    text = """\
[services.a]
command = "x"
depends_on = { b = "ready" }
[services.b]
listen = 80
[services.c]
command = "x"
port = 1
[[routes]]
listener = "b"
service = "c"
path = "/c"
"""
    assert problems(text, folder) == [(4, "services.b.command", "is missing")]


def test_the_wrong_line_of_an_env_file_is_told_at_its_key(folder):
    (folder / ".env").write_text("A=1\n=2\n")
    text = "[services.a]\ncommand = 'x'\nenv_file = '.env'"
    assert problems(text, folder) == [
        (3, "services.a.env_file", f"{folder}/.env:2: not a NAME=value line"),
    ]


def test_paths_are_seen_from_the_folder_of_the_file_or_from_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    text = "[services.a]\ncommand = 'x'\ncwd = '~/backend/..'\nenv_file = '~/.env'"
    service = parsed(text, folder).services[0]
    assert service.cwd == str(folder)
    assert dict(service.env) == {"NODE_ENV": "test", "KEY": "1"}


@pytest.mark.parametrize("cwd", ["~no-such-user/x", "x" * 5000, ".env", ".env/x"])
def test_a_folder_that_cannot_be_there_is_a_problem_and_no_crash(folder, cwd):
    text = f"[services.a]\ncommand = 'x'\ncwd = '{cwd}'"
    assert [key for _, key, _ in problems(text, folder)] == ["services.a.cwd"]


def test_braces_in_command_and_env_are_left_to_the_start_of_a_worker(folder):
    text = "[services.a]\ncommand = 'x {prot} {port}'\nenv.JSON = '{\"a\": {}}'"
    service = parsed(text, folder).services[0]
    assert service.command == ("x", "{prot}", "{port}")
    assert service.env == (("JSON", '{"a": {}}'),)


def script(path, mode=0o755):
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)


def missing(text, folder, path=os.defpath):
    (folder / "services.toml").write_text(text)
    return [
        (problem.line, problem.key, problem.message)
        for problem in missing_programs(parsed(text, folder))
    ]


def test_programs_that_are_there_are_not_told(folder):
    script(folder / "backend" / "run")
    script(folder / "backend" / "run-2")
    text = f"""\
[services.on-path]
command = "sh -c true"
[services.absolute]
command = "{folder}/backend/run"
[services.from-cwd]
command = "./run"
cwd = "backend"
[services.on-own-path]
command = "run"
env = {{ PATH = "/nowhere:{folder}/backend" }}
[services.on-relative-path]
command = "run"
cwd = "backend"
env = {{ PATH = "." }}
[services.filled-in]
command = "./run-{{port}}"
cwd = "backend"
port = 2
"""
    assert missing(text, folder) == []


def test_a_program_that_is_missing_is_told_and_the_file_is_right_all_the_same(folder):
    script(folder / "backend" / "plain", mode=0o644)
    text = """\
[services.a]
command = "./run"
[services.b]
cwd = "backend"
command = "./plain"
[services.c]
command = "no-such-program --x"
env = { PATH = "/nowhere" }
[services.d]
command = "./backend"
"""
    text += f"[services.e]\ncommand = './{'x' * 5000}'"
    *told, (line, key, _) = missing(text, folder)
    assert (line, key) == (12, "services.e.command")
    assert told == [
        (2, "services.a.command", f"program `./run` not found (looked for {folder}/run)"),
        (5, "services.b.command", "program `./plain` is not executable"),
        (7, "services.c.command", "program `no-such-program` not found on PATH (/nowhere)"),
        (10, "services.d.command", f"program `./backend` not found (looked for {folder}/backend)"),
    ]


@pytest.mark.parametrize("now", [None, "[[[", "[services.b]"])
def test_a_missing_program_is_told_without_a_line_when_the_file_has_changed(folder, now):
    config = parsed("[services.a]\ncommand = './run'", folder)
    if now is not None:
        (folder / "services.toml").write_text(now)
    (problem,) = missing_programs(config)
    assert (problem.file, problem.line) == (str(folder / "services.toml"), None)


@pytest.mark.parametrize(
    ("written", "balance"),
    [
        ('balance = "two_choices"', Balance(Policy.TWO_CHOICES)),
        ('balance = { policy = "least_connections" }', Balance(Policy.LEAST_CONNECTIONS)),
        (
            """balance = { policy = "hash", hash_by = "header:X-Tenant", weights = { 1 = 3 } }""",
            Balance(Policy.HASH, "header:X-Tenant", weights=((1, 3),)),
        ),
        (
            """
            [services.api.balance]
            sticky = "worker"
            slow_start = "10s"
            backup = [4, 3, 3]
            weights = { 10 = 2, 9 = 1 }
            """,
            Balance(sticky="worker", slow_start=10, backup=(3, 4), weights=((9, 1), (10, 2))),
        ),
    ],
)
def test_a_balance_is_a_policy_or_a_table(folder, written, balance):
    assert parsed(SMALLEST + written, folder).balances == (("api", balance),)
