"""core/cors.py: who may call from another origin, and what the answers say of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.cors import LONGEST, MEMORY, CorsRules
from webqx_supervisor.model.filters import Cors

PAGES = b"https://me.github.io"


def rules(*origins, **policy):
    return CorsRules(Cors(origins=origins, **policy))


def said(lines):
    return dict(line.split(b": ", 1) for line in lines.split(b"\r\n") if line)


def test_a_listed_origin_is_named_and_nobody_else():
    listed = rules(PAGES.decode())
    assert said(listed.lines(PAGES)) == {
        b"Access-Control-Allow-Origin": PAGES,
        b"Vary": b"Origin",
    }
    assert listed.lines(b"https://other.github.io") == b"Vary: Origin\r\n"
    assert listed.lines(None) == b"Vary: Origin\r\n"


def test_everybody_is_everybody_and_varies_by_nothing():
    anybody = rules("*")
    assert said(anybody.lines(PAGES)) == {b"Access-Control-Allow-Origin": b"*"}
    assert anybody.lines(None) == b""


def test_credentials_and_exposed_headers_go_to_listed_origins_only():
    listed = rules(PAGES.decode(), credentials=True, expose=("X-Total", "ETag"))
    granted = said(listed.lines(PAGES))
    assert granted[b"Access-Control-Allow-Credentials"] == b"true"
    assert granted[b"Access-Control-Expose-Headers"] == b"X-Total, ETag"
    assert b"Access" not in listed.lines(b"https://evil.example")


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        (b"https://a.example.com", True),
        (b"https://a.b.example.com", True),
        (b"HTTPS://A.example.com", True),
        (b"https://example.com", False),
        (b"http://a.example.com", False),
        (b"https://a.example.com:8443", False),
        (b"https://evil-example.com", False),
        (b"https://.example.com", False),
        (b"https://evil.com/.example.com", False),
        (b"https://evil.com#.example.com", False),
        (b"https://user@x.example.com", False),
        (b"https://a..example.com", False),
        (b"null", False),
    ],
)
def test_a_star_stands_for_the_labels_of_hosts_below(origin, listed):
    assert rules("https://*.example.com").allows(origin) is listed


@given(st.binary(max_size=40))
def test_what_is_not_listed_gets_no_permission_whatever_it_is(origin):
    listed = rules(PAGES.decode(), "https://*.example.com", credentials=True)
    if not listed.allows(origin):
        assert listed.lines(origin) == b"Vary: Origin\r\n"
        assert listed.preflight(origin, b"PUT", b"x", private=True) == b""


def test_a_preflight_is_told_what_is_allowed_and_for_how_long():
    lines = said(
        rules(
            PAGES.decode(), methods=("GET", "PUT"), headers=("Authorization",), max_age=60.0
        ).preflight(PAGES, b"DELETE", b"x-evil", private=False)
    )
    assert lines[b"Access-Control-Allow-Methods"] == b"GET, PUT"
    assert lines[b"Access-Control-Allow-Headers"] == b"Authorization"
    assert lines[b"Access-Control-Max-Age"] == b"60"
    assert b"Access-Control-Allow-Private-Network" not in lines


def test_a_star_among_methods_and_headers_becomes_what_is_asked_for():
    anything = rules(PAGES.decode(), methods=("*",), headers=("*",), credentials=True)
    lines = said(anything.preflight(PAGES, b"PATCH", b"authorization, x-a", private=True))
    assert lines[b"Access-Control-Allow-Methods"] == b"PATCH"
    assert lines[b"Access-Control-Allow-Headers"] == b"authorization, x-a"
    assert lines[b"Access-Control-Allow-Private-Network"] == b"true"


def test_what_is_no_list_of_names_is_never_repeated():
    anything = rules("*", methods=("*",), headers=("*",))
    lines = said(anything.preflight(PAGES, b"a b", b"x: y", private=False))
    assert b"Access-Control-Allow-Methods" not in lines
    assert b"Access-Control-Allow-Headers" not in lines


def test_however_many_origins_ask_few_are_remembered():
    below = rules("https://*.example.com")
    for number in range(3000):
        below.lines(b"https://n%d.example.com" % number)
    assert len(below._known) <= 2 * MEMORY
    long = b"https://%b.example.com" % (b"x" * LONGEST)
    assert below.lines(long) == below.lines(long)
    assert below._known.get(long) is None
