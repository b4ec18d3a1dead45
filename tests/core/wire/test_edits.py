"""core/wire/edits.py: changes to the lines of a head."""

from webqx_supervisor.core.wire.edits import field_lines, find_value, stripper

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nORIGIN:  https://a.com\t\r\nX-Origin: no\r\n\r\n"
LINES = (
    b"Server: x\r\nAccess-Control-Allow-Origin: *\r\naccess-control-max-age: 1\r\nX-A: server\r\n"
)


def test_a_value_is_found_whatever_the_case_of_its_name():
    assert find_value(HEAD, b"origin") == b"https://a.com"
    assert find_value(HEAD, b"x-origin") == b"no"
    assert find_value(HEAD, b"igin") is None


def test_what_is_named_is_taken_out_and_nothing_else():
    strip = stripper([b"server", b"access-control-*"])
    assert strip(LINES) == b"X-A: server\r\n"
    assert strip(b"X-Server: 1\r\n") == b"X-Server: 1\r\n"
    assert strip(b"") == b""
    assert stripper([]) is None


def test_pairs_become_lines():
    assert field_lines([("A", "1"), ("B", "\xe9")]) == b"A: 1\r\nB: \xe9\r\n"
