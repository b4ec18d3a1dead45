import tomllib

import pytest

from webqx_supervisor.config.clashes import Names, clashes
from webqx_supervisor.config.lines import dotted
from webqx_supervisor.config.schema import ServicesToml


def told(text, cpus=4):
    data = tomllib.loads(text)
    document = ServicesToml.model_validate(data)
    listening = [name for name, entry in document.services.items() if entry.listen]
    names = Names(list(document.services), [*listening, *document.listeners])
    return [(dotted(path), message) for path, message in clashes(document, names, cpus)]


def service(name, **keys):
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f"[services.{name}]\ncommand = 'x'\n{lines}"


def route(listener, name, *lines):
    return "\n".join(["[[routes]]", f"listener = '{listener}'", f"service = '{name}'", *lines, ""])


A = service("a", port=3001, instances=2)
WEB = "[listeners.web]\nbind = 80\n"
RAW = "[listeners.raw]\nbind = 81\nprotocol = 'tcp'\n"


TASK = service("m", kind="'task'")


@pytest.mark.parametrize(
    "text",
    [
        "",
        A + service("b", port=3003),
        A + service("b", port=3001, instances=0),
        service("a", port=3001, listen=3000) + service("b", port=4001, listen='"0.0.0.0:4000"'),
        service("a", port=3001, listen='["0.0.0.0:80", "[::]:80"]'),
        A
        + WEB
        + route("web", "a")
        + route("web", "a", "host = 'h'")
        + route("web", "a", "path = '/p'"),
        service("a", port=3001, listen=3000) + route("a", "a", "path = '/p'"),
        A + RAW + route("raw", "a"),
        A + "depends_on = { b = 'ready' }\n" + service("b", port=5000),
        service("a", port=65535),
        A + "balance = { sticky = 'w', policy = 'hash', hash_by = 'cookie:s' }\n" + WEB,
        A + "balance = 'hash'\n" + RAW + route("raw", "a"),
        A + "depends_on = { m = 'completed' }\n" + TASK,
        A + "depends_on = { m = 'started' }\n" + TASK + "restart = 'on-failure'\n",
    ],
)
def test_what_can_be_true_at_once_is_not_told(text):
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (
            A + service("b", port=3002),
            "services.b.port",
            "3002 overlaps 3001-3002 of service `a`",
        ),
        (
            service("a", port=3001, instances='"max"') + service("b", port=3004, instances=3),
            "services.b.port",
            "3004-3006 overlaps 3001-3004 of service `a`",
        ),
        (
            service("a", port=65535, instances=2),
            "services.a.port",
            "2 workers from port 65535 up go beyond port 65535",
        ),
        (
            service("a", port=1, instances=10**30),
            "services.a.port",
            f"{10**30} workers from port 1 up go beyond port 65535",
        ),
        (
            A + service("b", port=5000, listen=3002),
            "services.b.listen",
            "port 3002 is one of 3001-3002 of service `a`",
        ),
        (
            service("a", port=3000, listen=3000),
            "services.a.listen",
            "port 3000 is one of 3000 of service `a`",
        ),
        (
            service("a", port=3001, listen=80) + WEB,
            "listeners.web.bind",
            "127.0.0.1:80 collides with 127.0.0.1:80 of services.a",
        ),
        (
            service("a", port=3001, listen='"0.0.0.0:80"') + service("b", port=5000, listen=80),
            "services.b.listen",
            "127.0.0.1:80 collides with 0.0.0.0:80 of services.a",
        ),
        (
            "[listeners.web]\nbind = [80, 81, 80]",
            "listeners.web.bind",
            "127.0.0.1:80 collides with 127.0.0.1:80 of the same list",
        ),
        (
            service("web", port=3001, listen=3000) + WEB,
            "listeners.web",
            "the `listen` of service `web` has this name",
        ),
        (service("a", listen=3000), "services.a.listen", "needs a `port` for the workers"),
        (
            service("a", health="{ path = '/' }"),
            "services.a.health.path",
            "needs a `port` to ask the workers on",
        ),
        (
            A + "depends_on = { bb = 'ready' }\n" + service("b"),
            "services.a.depends_on.bb",
            "no such service; did you mean `b`?",
        ),
        (
            service("a", depends_on="{ a = 'ready' }"),
            "services.a.depends_on",
            "goes round: a -> a",
        ),
        (
            service("c", depends_on="{ a = 'ready' }")
            + service("a", depends_on="{ b = 'ready' }")
            + service("b", depends_on="{ a = 'started' }"),
            "services.a.depends_on",
            "goes round: a -> b -> a",
        ),
        (
            A + WEB + route("wep", "a"),
            "routes[0].listener",
            "no listener `wep`; did you mean `web`?",
        ),
        (
            A + WEB + route("web", "zzz"),
            "routes[0].service",
            "no service `zzz`",
        ),
        (
            A + WEB + route("web", "a", "backup = 'zzz'"),
            "routes[0].backup",
            "no service `zzz`",
        ),
        (
            service("a") + WEB + route("web", "a"),
            "routes[0].service",
            "service `a` has no `port` to send to",
        ),
        (
            A + RAW + route("raw", "a", "host = 'h'"),
            "routes[0].host",
            "listener `raw` is tcp, where there is no host to go by",
        ),
        (
            A + WEB + route("web", "a", "path = '/p'") + route("web", "a", "path = '/p/'"),
            "routes[1]",
            "requests for any host below /p/ of `web` go to service `a` already",
        ),
        (
            A + WEB + route("web", "a", "host = 'h'") + route("web", "a", "host = 'H'"),
            "routes[1]",
            "requests for h below / of `web` go to service `a` already",
        ),
        (
            service("a", port=3001, listen=3000) + route("a", "a"),
            "routes[0]",
            "requests for any host below / of `a` go to service `a` by its `listen` already",
        ),
        (
            A + "balance = { hash_by = 'client_ip' }",
            "services.a.balance.hash_by",
            'counts only with `policy = "hash"`',
        ),
        (
            A + "balance = { policy = 'hash', slow_start = '5s' }",
            "services.a.balance.slow_start",
            "has no meaning for a hash: the same clients would change workers again",
        ),
        (
            A + "balance = { sticky = 'w' }\n" + RAW + route("raw", "a"),
            "services.a.balance.sticky",
            "listener `raw` is tcp, where there are no fields to go by",
        ),
        (
            service("a", port=3001, listen="{ bind = 3000, protocol = 'tcp' }")
            + "balance = { policy = 'hash', hash_by = 'header:X' }",
            "services.a.balance.hash_by",
            "listener `a` is tcp, where there are no fields to go by",
        ),
    ],
)
def test_a_clash_is_told_once_where_it_can_be_mended(text, key, message):
    assert told(text) == [(key, message)]


def test_every_cycle_is_named():
    text = "".join(
        service(name, depends_on=f"{{ {other} = 'ready' }}")
        for name, other in ["ab", "ba", "cd", "de", "ec"]
    )
    assert told(text) == [
        ("services.a.depends_on", "goes round: a -> b -> a"),
        ("services.c.depends_on", "goes round: c -> d -> e -> c"),
    ]


def test_an_entry_that_is_left_out_for_its_own_error_is_still_known_by_name():
    document = ServicesToml.model_validate(tomllib.loads(WEB + route("web", "b") + route("w", "b")))
    assert list(clashes(document, Names(["b"], ["web", "w"]), cpus=1)) == []


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (TASK + "port = 5000\n", "services.m.port", "a task takes no requests"),
        (
            service("a", depends_on="{ b = 'ready' }", restart_with="'c'") + service("b"),
            "services.a.restart_with",
            "`c` is not in `depends_on`",
        ),
        (TASK + "max_age = '1h'\n", "services.m.max_age", "a task ends by itself"),
        (TASK + "overlap = 'kill'\n", "services.m.overlap", "counts only with a `schedule`"),
        (
            service("a", kind="'service'", schedule="'@daily'"),
            "services.a.kind",
            "what has a `schedule` is a task",
        ),
        (
            service("a", schedule="'@daily'") + service("b", depends_on="{ a = 'completed' }"),
            "services.b.depends_on.a",
            "`a` runs by its schedule: there is nothing to wait for",
        ),
        (
            service("a", time_zone="'UTC'"),
            "services.a.time_zone",
            "counts only with `schedule` or `cron_restart`",
        ),
        (
            service("a", max_requests="5"),
            "services.a.max_requests",
            "needs a `port`: without one there are no requests",
        ),
        (
            TASK + "restart = 'always'\n",
            "services.m.restart.policy",
            'a task is to end; wanted "on-failure" or "never"',
        ),
        (
            service("db") + service("web", depends_on="{ db = 'completed' }"),
            "services.web.depends_on.db",
            '`db` never completes: it is no task (kind = "task")',
        ),
        (
            TASK + service("web", depends_on="{ m = 'healthy' }"),
            "services.web.depends_on.m",
            '`m` is a task; wanted "completed" or "started"',
        ),
    ],
)
def test_what_a_task_cannot_be_asked_for_is_told(text, key, message):
    assert told(text) == [(key, message)]
