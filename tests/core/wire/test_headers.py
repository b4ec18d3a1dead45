import re

import pytest

from webqx_supervisor.core.wire import headers


@pytest.mark.parametrize(
    "name",
    [
        *(b"Connection", b"Keep-Alive", b"Proxy-Connection", b"TE", b"Trailer", b"Upgrade"),
        *(b"Transfer-Encoding", b"Content-Length", b"Host", b"Expect"),
        *(b"HTTP2-Settings", b"Proxy-Authorization", b"Proxy", b"PROXY"),
        *(b"Forwarded", b"X-Forwarded-For", b"x-forwarded-host", b"X-FORWARDED-PREFIX"),
        *(b"X-Real-IP", b"X-Client-IP", b"True-Client-IP", b"CF-Connecting-IP"),
        *(b"X_Real_IP", b"X_Forwarded_For", b"Content_Length", b"a_b"),
        *(b"X-Original-URL", b"X-Rewrite-URL"),
    ],
)
def test_a_worker_never_sees_this_field_of_a_client(name):
    assert not headers.passes_to_worker(name)


@pytest.mark.parametrize(
    "name",
    [
        *(b"Accept", b"Cookie", b"Authorization", b"Content-Type", b"Range", b"Origin", b"Via"),
        *(
            b"X-Request-Id",
            b"traceparent",
            b"Sec-WebSocket-Key",
            b"X-Forwarded",
            b"Idempotency-Key",
        ),
    ],
)
def test_a_worker_sees_this_field_as_the_client_sent_it(name):
    assert headers.passes_to_worker(name)


@pytest.mark.parametrize(
    "name",
    [
        *(b"Connection", b"keep-alive", b"Proxy-Connection", b"TE", b"Trailer", b"Upgrade"),
        *(b"Transfer-Encoding", b"Content-Length"),
    ],
)
def test_a_client_never_sees_this_field_of_a_worker(name):
    assert not headers.passes_to_client(name)


@pytest.mark.parametrize("name", [b"Date", b"Set-Cookie", b"Server", b"Vary", b"x_odd", b"Via"])
def test_a_client_sees_this_field_as_the_worker_sent_it(name):
    assert headers.passes_to_client(name)


@pytest.mark.parametrize(
    "name",
    [
        *(b"host", b"content-length", b"content-type", b"authorization", b"cookie", b"forwarded"),
        *(b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id", b"traceparent"),
    ],
)
def test_connection_may_not_take_this_field_away(name):
    assert not headers.may_nominate(name)


@pytest.mark.parametrize("name", [b"close", b"keep-alive", b"te", b"x-hop", b"hostess", b"cookie2"])
def test_connection_may_list_this_name(name):
    assert headers.may_nominate(name)


@pytest.mark.parametrize("line", [b"A:", b"a-b: c", b"!#$%&'*+-.^_`|~: \x80\xff", b"a:\tb:c"])
def test_a_field_line_is_a_token_a_colon_and_printable_octets(line):
    assert re.fullmatch(headers.FIELD, line)


@pytest.mark.parametrize(
    "line", [b"", b":", b"a", b"a :b", b" a:b", b"a b:c", b"a:\x00", b"a:\r", b"a:\n", b"\xe4:b"]
)
def test_anything_else_is_no_field_line(line):
    assert re.fullmatch(headers.FIELD, line) is None


def test_a_worker_is_told_who_its_client_is():
    assert headers.forwarded_block("2001:db8::1", "https") == (
        b"X-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 2001:db8::1\r\n"
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"text/event-stream", True),
        (b"Text/Event-Stream ; charset=utf-8", True),
        (b"text/event-streams", False),
        (b"text/plain", False),
    ],
)
def test_an_event_stream_is_known_by_its_media_type(kind, expected):
    assert headers.is_event_stream([(b"Server", b"x"), (b"content-TYPE", kind)]) is expected


def test_without_a_content_type_it_is_no_event_stream():
    assert not headers.is_event_stream([])
