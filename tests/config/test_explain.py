import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.config.explain import read
from webqx_supervisor.config.lines import dotted


def complaints(text):
    return [(dotted(path), message) for path, message in read(tomllib.loads(text)).complaints]


API = "[services.api]\ncommand = 'x'\n"


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("[service.api]", "service", "unknown key; did you mean `services`?"),
        ("[daemon]\nproxys = 2", "daemon.proxys", "unknown key; did you mean `proxies`?"),
        (API + "instnaces = 2", "services.api.instnaces", "unknown key; did you mean `instances`?"),
        (
            API + "listen = { bind = 80, protocl = 'tcp' }",
            "services.api.listen.protocl",
            "unknown key; did you mean `protocol`?",
        ),
        (
            API + "[services.api.stop]\nport = 1",
            "services.api.stop.port",
            "unknown key; known here: signal, drain, grace",
        ),
        (
            "[listeners.a]\nbind = 80\nbnd = 1",
            "listeners.a.bnd",
            "unknown key; did you mean `bind`?",
        ),
        (
            "[[routes]]\nlistener = 'a'\nservice = 'b'\nhosts = 'c'",
            "routes[0].hosts",
            "unknown key; did you mean `host`?",
        ),
        (API + "health.x.y = 1", "services.api.health.x", "unknown key; known here: path, "),
        ("[services.api]", "services.api.command", "is missing"),
        (API + "listen = {}", "services.api.listen.bind", "is missing"),
        ("[[routes]]\nservice = 'a'", "routes[0].listener", "is missing"),
        (
            API + "port = '3001'",
            "services.api.port",
            'wanted a whole number, found the text "3001"',
        ),
        (
            API + "port = 3001.0",
            "services.api.port",
            "wanted a whole number, found the number 3001.0",
        ),
        (API + "port = true", "services.api.port", "wanted a whole number, found true"),
        (
            API + "port = 65536",
            "services.api.port",
            "must be 65535 or less, found the number 65536",
        ),
        (API + "cwd = 1", "services.api.cwd", "wanted text, found the number 1"),
        (API + "health = 1", "services.api.health", "wanted a table, found the number 1"),
        (API + "health = []", "services.api.health", "wanted a table, found a list"),
        (API + "env.A = 1", "services.api.env.A", "wanted text, found the number 1"),
        (API + "env = 'A=1'", "services.api.env", 'wanted a table, found the text "A=1"'),
        (
            API + "forward.upgrade = 'x'",
            "services.api.forward.upgrade",
            'wanted a list, found the text "x"',
        ),
        ("services = 3", "services", "wanted a table, found the number 3"),
        (
            "services.api = 'node x.js'",
            "services.api",
            'wanted a table, found the text "node x.js"',
        ),
        ("[routes]\nlistener = 'a'", "routes", "wanted a list, found a table"),
        (
            "[listeners.a]\nbind = 80\nprotocol = 'udp'",
            "listeners.a.protocol",
            "wanted 'http' or 'tcp', found the text \"udp\"",
        ),
        (
            API + "depends_on.db = 'up'",
            "services.api.depends_on.db",
            "wanted 'started', 'ready', 'healthy' or 'completed', found the text \"up\"",
        ),
        (
            API + "health.rise = 0",
            "services.api.health.rise",
            "must be 1 or more, found the number 0",
        ),
        (API + "health.interval = '0s'", "services.api.health.interval", "must be more than 0"),
        (API + "logs.max_size = 0", "services.api.logs.max_size", "must be more than 0"),
        (
            API + "logs.output = 'syslog'",
            "services.api.logs.output",
            "wanted 'file', 'json' or 'journald', found the text \"syslog\"",
        ),
        (API + "logs.compress = 'gzip'", "services.api.logs.compress", "wanted true or false"),
        (API + "stop.grace = 10", "services.api.stop.grace", "wanted a duration with its unit, "),
        (
            API + "stop.signal = 'KILL'",
            "services.api.stop.signal",
            "no signal is called `KILL`; did",
        ),
        (API + "env.'A=B' = 'x'", 'services.api.env."A=B"', "an environment variable's name is "),
        (API + 'cwd = "a\\u0000"', "services.api.cwd", "a NUL character cannot be handed "),
        ('services."a b".command = "x"', 'services."a b"', "a name is up to 100 letters, "),
        ("daemon.name = 'a/b'", "daemon.name", "a name is up to 100 letters, "),
        (API + "listen = '80:80'", "services.api.listen", "wanted a port or an address, like "),
        (
            "[listeners.a]\nbind = [80, 'x']",
            "listeners.a.bind[1]",
            "wanted a port or an address, like ",
        ),
        ("[listeners.a]\nbind = []", "listeners.a.bind", "the list is empty"),
        (
            API + "balance = 'least'",
            "services.api.balance",
            "wanted 'round_robin', 'least_connections', 'two_choices' or 'hash', found the text",
        ),
        (API + "balance = 3", "services.api.balance", "wanted a table, found the number 3"),
        (
            API + "balance.hash_by = 'headers:X'",
            "services.api.balance.hash_by",
            'wanted "client_ip", "header:NAME" or "cookie:NAME"; found the text "headers:X"',
        ),
        (
            API + "balance.hash_by = 'header:a b'",
            "services.api.balance.hash_by",
            "`a b` cannot be the name of a header",
        ),
        (
            API + "balance.hash_by = 'cookie:'",
            "services.api.balance.hash_by",
            "`` cannot be the name of a cookie",
        ),
        (
            API + "balance.sticky = 'a;b'",
            "services.api.balance.sticky",
            'wanted the name of a cookie, like "worker"; found the text "a;b"',
        ),
        (
            API + "balance.weights = { 0 = 1 }",
            "services.api.balance.weights.0",
            "wanted the number of an instance, from 1 up; found `0`",
        ),
        (
            API + "balance.weights = { 1 = 0 }",
            "services.api.balance.weights.1",
            "must be 1 or more, found the number 0",
        ),
        (
            API + "balance.backup = [0]",
            "services.api.balance.backup[0]",
            "must be 1 or more, found the number 0",
        ),
        (
            API + "forward.max_in_flight = -1",
            "services.api.forward.max_in_flight",
            "must be 0 or more, found the number -1",
        ),
        (
            API + "balance.stick = 'a'",
            "services.api.balance.stick",
            "unknown key; did you mean `sticky`?",
        ),
    ],
)
def test_a_violation_is_told_with_its_key_and_in_plain_words(text, key, message):
    ((found_key, found_message),) = complaints(text)
    assert found_key == key
    assert found_message.startswith(message)


def test_all_violations_are_told_at_once():
    text = API + "prot = 1\ninstances = 'many'\n[services.db]\n[daemon]\nproxies = 0"
    assert {key for key, _ in complaints(text)} == {
        "services.api.prot",
        "services.api.instances",
        "services.db.command",
        "daemon.proxies",
    }


def test_only_entries_without_an_error_are_left_and_routes_know_their_place():
    route = "[[routes]]\nlistener = 'a'\nservice = 'b'\n"
    text = API + "x = 1\n[services.b]\ncommand = 'b'\n" + route + "y = 1\n" + route
    reading = read(tomllib.loads(text))
    assert list(reading.document.services) == ["b"]
    assert len(reading.document.routes) == 1
    assert reading.routes == (1,)


KEYS = st.sampled_from(
    ["daemon", "services", "listeners", "routes", "name", "command", "port", "listen", "bind", "x"]
)
TREES = st.recursive(
    st.integers() | st.booleans() | st.sampled_from(["", "x", "5s", "max", "/", "80"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_whatever_stands_in_the_file_it_is_read_or_told(tables):
    reading = read(tables)
    assert all(path and message for path, message in reading.complaints)
    assert len(reading.routes) == len(reading.document.routes)
