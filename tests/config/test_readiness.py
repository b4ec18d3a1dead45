import pytest

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.errors import ConfigError
from webqx_supervisor.model.readiness import Access, Check, Means, Readiness


def services(tmp_path, *keys, head='command = "x"\nport = 3001'):
    text = "\n".join(["[services.api]", head, *keys, ""])
    return parse(text, str(tmp_path / "services.toml"), cpus=2).services[0]


def problems(tmp_path, *keys, head='command = "x"\nport = 3001'):
    with pytest.raises(ConfigError) as caught:
        services(tmp_path, *keys, head=head)
    return [f"{each.line} {each.key}: {each.message}" for each in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "check"),
    [
        ('"port"', Check(Means.PORT)),
        ('"notify"', Check(Means.NOTIFY)),
        ('"ipc"', Check(Means.IPC)),
        ('{ when = "notify" }', Check(Means.NOTIFY)),
        ("{ fd = 3 }", Check(Means.FD, fd=3)),
        ("{ log = 'listening on \\d+' }", Check(Means.LOG, pattern=r"listening on \d+")),
        ("{ tcp = 5433 }", Check(Means.TCP, port=5433)),
        ('{ tcp = "{port}" }', Check(Means.TCP)),
        ('{ http = "/ready", port = 9001 }', Check(Means.HTTP, path="/ready", port=9001)),
        (
            '{ command = "pg_isready -p {port}", interval = "1s", timeout = "3s" }',
            Check(Means.COMMAND, command=("pg_isready", "-p", "{port}"), interval=1, timeout=3),
        ),
        (
            '{ http = "/", rise = 2, fall = 4 }',
            Check(Means.HTTP, path="/", rise=2, fall=4),
        ),
    ],
)
def test_there_is_one_way_to_write_each(tmp_path, written, check):
    assert services(tmp_path, f"ready = {written}").readiness == Readiness(ready=check)


def test_all_of_it_together(tmp_path):
    api = services(
        tmp_path,
        'startup = "notify"',
        'ready = { http = "/ready" }',
        'live = { http = "/live", fall = 5 }',
        'watchdog = "30s"',
        'notify_access = "main"',
        "stop = { shutdown_with_message = true }",
    )
    assert api.readiness == Readiness(
        startup=Check(Means.NOTIFY),
        ready=Check(Means.HTTP, path="/ready"),
        live=Check(Means.HTTP, path="/live", fall=5),
        watchdog=30,
        access=Access.MAIN,
    )
    assert api.stop.shutdown_with_message
    assert services(tmp_path).readiness == Readiness()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('ready = "process.send"', "did you mean `ipc`?"),
        ('ready = "notfy"', "did you mean `notify`?"),
        (
            "ready = {}",
            "wanted one of `when`, `log`, `fd`, `http`, `tcp` and `command`; found none",
        ),
        ('ready = { fd = 3, when = "notify" }', "found when and fd"),
        ("ready = { fd = 2 }", "fd: must be 3 or more"),
        ('ready = { fd = 3, interval = "1s" }', "`interval` counts only for `http`, `tcp` and"),
        ("ready = { tcp = 5433, port = 1 }", "`port` counts only beside `http`"),
        ("ready = { tcp = 0 }", "wanted a port, or"),
        (
            "ready = { log = '(x' }",
            'log: wanted a regular expression; found the text "(x": missing',
        ),
        ("ready = { log = 'x*' }", "any line has the pattern"),
        ('ready = { http = "ready" }', 'http: wanted a path like "/api/"'),
        ('ready = { command = "" }', "the command is empty"),
        ("ready = { htp = '/' }", "htp: unknown key; did you mean `http`?"),
        ('live = { log = "x" }', "live.log: unknown key"),
        ('live = "port"', "wanted a table"),
        ("watchdog = 30", "wanted a duration"),
        ('notify_access = "none"', "wanted 'main' or 'all'"),
        ('startup = { http = "/", fall = 3 }', "a start may take `health.start_timeout`"),
        ('startup = "notify"\nready = "notify"', "`startup` waits for `notify` already"),
        ("startup = { fd = 3 }\nready = { fd = 4 }", "`startup` waits for `fd` already"),
        ('startup = { fd = 9 }\nready = "ipc"', "descriptor 9 is Node's IPC channel"),
        ('ready = { http = "/" }\nhealth = { path = "/" }', "wanted one of the two"),
        ('watchdog = "1s"\nenv = { NOTIFY_SOCKET = "x" }', "is set by webqx-sv itself"),
        ('ready = "ipc"\nenv = { NODE_CHANNEL_FD = "3" }', "is set by webqx-sv itself"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, line, told):
    lines = problems(tmp_path, line)
    assert any(told in each for each in lines), lines
    assert all(each[0] in "45" for each in lines)


def test_a_number_stands_for_one_thing(tmp_path):
    head = 'command = "x"\nlisten = [3000, 3001]\nlisten_fds = true'
    (line,) = problems(tmp_path, "ready = { fd = 4 }", head=head)
    assert "descriptor 4 is a socket of `listen_fds`" in line
    services(tmp_path, "ready = { fd = 5 }", head=head)
    head = head.replace("[3000, 3001]", str(list(range(3000, 3007))))
    (line,) = problems(tmp_path, 'ready = "ipc"', head=head)
    assert "descriptor 9 would be one of them" in line


@pytest.mark.parametrize("ready", ['"port"', '{ http = "/" }', '{ tcp = "{port}" }'])
def test_what_has_no_port_cannot_be_asked_on_it(tmp_path, ready):
    (line,) = problems(tmp_path, f"ready = {ready}", head='command = "x"')
    assert line == "3 services.api.ready: needs a `port` to ask the workers on"
    services(tmp_path, "ready = { tcp = 5433 }", head='command = "x"')


def test_a_task_is_never_ready_but_may_have_a_watchdog(tmp_path):
    head = 'command = "x"\nkind = "task"'
    (line,) = problems(tmp_path, 'ready = "notify"', head=head)
    assert "a task is never ready" in line
    assert services(tmp_path, 'watchdog = "1s"', head=head).readiness.watchdog == 1


def test_what_is_elsewhere_can_only_be_asked(tmp_path):
    head = 'remote = "http://127.0.0.1:3001"'
    services(tmp_path, 'ready = { http = "/ready" }', head=head)
    lines = problems(tmp_path, 'ready = "notify"', 'watchdog = "1s"', head=head)
    assert "can only be asked over `http` or `tcp`" in lines[0]
    assert "has no meaning for a service that is `remote`" in lines[1]
