"""Cookies: RFC 6265 sections 4.1 and 4.2."""

import pytest

from webqx_supervisor.core.wire.cookies import cookie, is_cookie_name, set_cookie


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"worker=1", b"1"),
        (b"a=b; worker=1; c=d", b"1"),
        (b"a=b;worker=1", b"1"),
        (b"worker=a=b==", b"a=b=="),
        (b'worker="1"', b'"1"'),
        (b"worker=1; worker=2", b"1"),
        (b"Worker=1", b""),
        (b"xworker=1", b""),
        (b"worker", b""),
        (b"", b""),
    ],
)
def test_a_cookie_is_found_by_its_exact_name(value: bytes, found: bytes) -> None:
    assert cookie([(b"Host", b"worker=9"), (b"COOKIE", value)], b"worker") == found


def test_cookies_may_be_spread_over_several_fields() -> None:
    assert cookie([(b"cookie", b"a=1"), (b"cookie", b"b=2")], b"b") == b"2"


def test_a_cookie_is_set_for_the_whole_host_and_hidden_from_scripts() -> None:
    line = set_cookie("worker", b"0a")
    assert line == b"Set-Cookie: worker=0a; Path=/; HttpOnly; SameSite=Lax\r\n"


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "ä", 'a"', "a\n", "a,b"])
def test_what_is_no_token_is_no_name(name: str) -> None:
    assert not is_cookie_name(name)


def test_a_token_is_a_name() -> None:
    assert is_cookie_name("__Host-worker.1")
