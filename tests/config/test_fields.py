import re

import pytest

from webqx_supervisor.config import fields, filter_fields


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("node 'my app.js' --x=\"1 2\"", ["node", "my app.js", "--x=1 2"]),
        ("echo $HOME | cat", ["echo", "$HOME", "|", "cat"]),
        (["node", "my app.js"], ["node", "my app.js"]),
    ],
)
def test_a_command_is_split_into_words_and_no_shell_is_asked(value, expected):
    assert fields.words(value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "the command is empty"),
        ("''", "the command is empty"),
        ([], "the command is empty"),
        ([""], "the command is empty"),
        ("a 'b", "cannot be split into words: no closing quotation"),
        (3, "wanted text or a list of texts, found the number 3"),
        (["a", 3], "wanted text or a list of texts, found the number 3 in the list"),
    ],
)
def test_what_is_no_command_is_told(value, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        fields.words(value)


def test_a_single_value_is_a_list_of_one():
    assert fields.listed(3) == [3]
    assert fields.listed([3]) == [3]
    with pytest.raises(ValueError, match=r"^the list is empty$"):
        fields.listed([])


@pytest.mark.parametrize(
    ("wanted", "cpus", "expected"),
    [(3, 8, 3), (0, 8, 0), ("max", 8, 8), ("max-1", 8, 7), ("max-9", 8, 1), ("max", 1, 1)],
)
def test_max_is_resolved_to_one_at_least(wanted, cpus, expected):
    assert fields.resolved(fields.instances(wanted), cpus) == expected


@pytest.mark.parametrize("value", [-1, True, 1.5, "3", "max-", "max+1", "MAX", []])
def test_instances_are_a_number_or_max(value):
    with pytest.raises(ValueError, match=r'^wanted a number from 0 up, "max" or "max-1"; found '):
        fields.instances(value)


@pytest.mark.parametrize("value", [0, True, "max-1", "2"])
def test_proxies_are_a_number_or_max(value):
    with pytest.raises(ValueError, match=r'^wanted a number from 1 up, or "max"; found '):
        fields.proxies(value)
    assert [fields.proxies(value) for value in (1, "max")] == [1, "max"]


@pytest.mark.parametrize("name", ["", "A=B", "A\0"])
def test_what_no_environment_can_hold_is_refused(name):
    with pytest.raises(ValueError, match=r"environment variable|NUL"):
        fields.env_name(name)


@pytest.mark.parametrize("path", ["", "health", "/a b", "/ü", "/a\n"])
def test_a_path_is_as_in_a_request(path):
    with pytest.raises(ValueError, match=r'^wanted a path like "/api/"'):
        fields.url_path(path)
    assert fields.url_path("/health/?deep=1") == "/health/?deep=1"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a?x", "without `?`"),
        ("/a#x", "without `?`"),
        ("/%61dmin", 'wanted "/admin'),
        ("/caf%c3%a9", 'wanted "/caf%C3%A9'),
        ("/a/./b", 'wanted "/a/b'),
        ("/a/../b", "no request ever has it: the path climbs"),
        ("/a%2", "no request ever has it: an escape"),
    ],
)
def test_a_route_has_its_path_as_requests_are_compared(path, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fields.route_path(path)
    with pytest.raises(ValueError, match=re.escape(message)):
        filter_fields.pattern(path + "/*")
    assert fields.route_path("/caf%C3%A9/a%2Fb/") == "/caf%C3%A9/a%2Fb/"


@pytest.mark.parametrize("name", ["", "a:80", "http://a", "a b", "a.*", "*", "[::1]:80"])
def test_a_host_has_no_port_and_no_scheme(name):
    with pytest.raises(ValueError, match=r"^wanted a host without its port"):
        fields.host(name)


@pytest.mark.parametrize(
    ("name", "expected"), [("API.webqx.com", "api.webqx.com"), ("[::1]", "[::1]")]
)
def test_a_host_is_kept_in_lower_case(name, expected):
    assert fields.host(name) == expected


def test_an_upgrade_token_is_kept_in_lower_case():
    assert fields.upgrade_token("WebSocket") == "websocket"
    with pytest.raises(ValueError, match=r"^wanted a token of the Upgrade field"):
        fields.upgrade_token("web socket")


def test_a_signal_is_one_that_the_system_has():
    assert fields.signal_name("SIGUSR2") == "SIGUSR2"
    with pytest.raises(ValueError, match=r"^no signal is called `TERM`; did you mean `SIGTERM`\?$"):
        fields.signal_name("TERM")
