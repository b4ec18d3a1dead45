"""core/wire/lines.py: fields are found whatever the case of their names, and nothing else is."""

from webqx_supervisor.core.wire.lines import begins_any, values

HEAD = (
    b"GET /authorization: HTTP/1.1\r\nHost: a\r\nAUTHORIZATION:  Bearer x \t\r\n"
    b"X-Authorization: no\r\nauthorization:\r\n\r\n"
)


def test_every_value_of_a_field_is_found_without_its_blanks():
    assert values(HEAD, b"authorization:") == [b"Bearer x", b""]
    assert values(HEAD, b"x-authorization:") == [b"no"]
    assert values(HEAD, b"uthorization:") == []
    assert values(b"", b"a:") == []


def test_lines_that_begin_so_are_seen_the_first_one_too():
    lines = b"X-User: a\r\nAccept: b\r\n"
    assert begins_any(lines, (b"x-user:",))
    assert begins_any(lines, (b"none:", b"acc"))
    assert not begins_any(lines, (b"user:", b"x-user-name:"))
    assert not begins_any(b"", (b"a:",))
