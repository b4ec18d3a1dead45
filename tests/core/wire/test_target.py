import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.target import parse_authority, parse_target, routing_path


@pytest.mark.parametrize(
    ("method", "target", "parsed"),
    [
        (b"GET", b"/", (b"/", "/", None)),
        (b"GET", b"/a?b=../c", (b"/a?b=../c", "/a", None)),
        (b"GET", b"/a?100%", (b"/a?100%", "/a", None)),
        (b"GET", b"//a", (b"//a", "//a", None)),
        (b"GET", b"/a;b=c", (b"/a;b=c", "/a;b=c", None)),
        (b"GET", b"/%7Ea/./b", (b"/%7Ea/./b", "/~a/b", None)),
        (b"GET", b"http://a.b:80/c?d", (b"/c?d", "/c", b"a.b:80")),
        (b"GET", b"HTTPS://a.b", (b"/", "/", b"a.b")),
        (b"GET", b"http://a.b?c", (b"/?c", "/", b"a.b")),
        (b"GET", b"http://a.b/c@d:e", (b"/c@d:e", "/c@d:e", b"a.b")),
        (b"OPTIONS", b"*", (b"*", "*", None)),
        (b"OPTIONS", b"http://a.b", (b"*", "*", b"a.b")),
        (b"OPTIONS", b"http://a.b/", (b"/", "/", b"a.b")),
        (b"OPTIONS", b"/a", (b"/a", "/a", None)),
    ],
)
def test_a_target_becomes_origin_form_and_a_path_to_route_by(method, target, parsed):
    assert parse_target(method, target) == parsed


@pytest.mark.parametrize(
    "target",
    [b"*", b"a", b"a/b", b"a.b:443", b"ftp://a/b", b"javascript:1", b"http:/a", b"http:a", b"?a"],
)
def test_a_target_that_is_neither_path_nor_http_address_is_refused(target):
    with pytest.raises(Malformed) as refusal:
        parse_target(b"GET", target)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"),
        (b"/a/./b", "/a/b"),
        (b"/./././a", "/a"),
        (b"/a/.", "/a/"),
        (b"/a/.b/c.", "/a/.b/c."),
        (b"/a/%2e/b", "/a/b"),
        (b"/%41%7a%2D", "/Az-"),
        (b"/a%20b%c3%a4", "/a%20b%C3%A4"),
        (b"/a..b/...", "/a..b/..."),
        (b"/@scope%2Fname", "/@scope%2Fname"),
        (b"/a%252e%252e/b", "/a%252e%252e/b"),
        (b'/[a]|{b}^"', '/[a]|{b}^"'),
    ],
)
def test_a_path_is_normalised_for_routing(raw, path):
    assert routing_path(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        b"/..",
        b"/../a",
        b"/a/../b",
        b"/a/..",
        b"/a/%2e%2e/b",
        b"/a/%2E./b",
        b"/a/.%2e",
        b"/a/..;/b",
        b"/a/..%3bx/b",
        b"/a/..%2Fb",
        b"/a%2f..%2fb",
        b"/a%5C..%5Cb",
        b"/a\\b",
        b"/a/..\\b",
        b"/./a\\b",
        b"/./a%2Fb",
        b"/./a%5Cb",
        b"/a%2fb",
        b"/a%5cb",
        b"/%7Ea%2Fb",
        b"/./a..b",
    ],
)
def test_a_path_that_a_worker_could_read_differently_is_refused(raw):
    with pytest.raises(Malformed) as refusal:
        routing_path(raw)
    assert refusal.value.status == 400


@pytest.mark.parametrize("raw", [b"/%", b"/%4", b"/%zz", b"/%4g", b"/a%00b", b"/%u0041"])
def test_a_broken_escape_in_the_path_is_refused(raw):
    with pytest.raises(Malformed) as refusal:
        routing_path(raw)
    assert refusal.value.status == 400


PATHS = st.lists(st.sampled_from([b"/", b".", b"..", b"a", b"%2e", b"%2F", b"%41", b"%2f", b"\\"]))


@given(PATHS)
def test_a_normalised_path_stays_as_it_is_and_never_climbs(pieces):
    try:
        path = routing_path(b"/" + b"".join(pieces))
    except Malformed:
        return
    assert routing_path(path.encode()) == path
    assert not {".", ".."} & set(path.split("/"))


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"localhost", b"localhost"),
        (b"API.WebQX.com:8443", b"api.webqx.com"),
        (b"api.webqx.com.", b"api.webqx.com"),
        (b"127.0.0.1:3000", b"127.0.0.1"),
        (b"[2001:DB8::1]:80", b"[2001:db8::1]"),
        (b"[::ffff:1.2.3.4]", b"[::ffff:1.2.3.4]"),
        (b"a_b:", b"a_b"),
        (b"a%20b", b"a%20b"),
        (b"a:65535", b"a"),
    ],
)
def test_the_host_to_route_by_is_lower_case_without_port(value, host):
    assert parse_authority(value) == host


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":80",
        b"a:b",
        b"a:80:80",
        b"a:65536",
        b"a:+80",
        b"a/b",
        b"a?b",
        b"a#b",
        b"user@a",
        b"user:pass@a",
        b"a b",
        b"a\tb",
        b"a\\b",
        b"a\xe4b",
        b"a%2",
        b"a%zz",
        b"[::1",
        b"::1",
        b"[::1]x",
        b"[fe80::1%25eth0]",
        b"[]",
        b"[:::]",
        b"[1:2:3:4:5:6:7:8:9]",
        b"[1.2.3.4]",
        b"a,b c",
        b"http://a",
        b"<a>",
    ],
)
def test_a_host_that_is_none_is_refused(value):
    with pytest.raises(Malformed) as refusal:
        parse_authority(value)
    assert refusal.value.status == 400
