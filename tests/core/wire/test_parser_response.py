import pytest

from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE, MalformedAnswer
from webqx_supervisor.core.wire.parser import parse_response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


def answer(*lines, start=OK, method=b"GET"):
    return parse_response(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n", method)


def test_an_answer_is_read_whole():
    head = answer(b"Content-Length: 3", b"Connection: close", b"A:  b ")
    assert (head.status, head.reason, head.minor) == (200, b"OK", 1)
    assert (head.length, head.content_length, head.keep_alive) == (3, 3, False)
    assert head.kept == b"A: b\r\n"
    assert head.headers[-1] == (b"A", b"b")


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200\r\n", b"HTTP/1.1 200 \r\n", b"HTTP/1.1 200 \xe4\r\n"]
)
def test_a_reason_phrase_may_be_missing_or_foreign(start):
    assert answer(start=start).status == 200


@pytest.mark.parametrize(
    ("method", "status", "lines", "length", "content_length"),
    [
        (b"GET", b"200", [b"Content-Length: 0"], 0, 0),
        (b"GET", b"200", [b"Transfer-Encoding: chunked"], CHUNKED, None),
        (b"GET", b"200", [], UNTIL_CLOSE, None),
        (b"HEAD", b"200", [b"Content-Length: 9"], 0, 9),
        (b"HEAD", b"200", [b"Transfer-Encoding: chunked"], 0, None),
        (b"HEAD", b"200", [], 0, None),
        (b"GET", b"304", [b"Content-Length: 9"], 0, 9),
        (b"GET", b"204", [b"Content-Length: 9"], 0, 9),
        (b"POST", b"100", [], 0, None),
        (b"GET", b"103", [b"Link: </a>"], 0, None),
        (b"GET", b"101", [b"Connection: upgrade", b"Upgrade: websocket"], 0, None),
    ],
)
def test_an_answers_length_depends_on_method_status_and_fields(
    method, status, lines, length, content_length
):
    head = answer(*lines, start=b"HTTP/1.1 " + status + b" X\r\n", method=method)
    assert (head.length, head.content_length) == (length, content_length)


@pytest.mark.parametrize(
    ("start", "lines", "keep_alive"),
    [
        (OK, [b"Content-Length: 1"], True),
        (OK, [b"Transfer-Encoding: chunked"], True),
        (OK, [b"Content-Length: 1", b"Connection: close"], False),
        (OK, [], False),
        (b"HTTP/1.0 200 OK\r\n", [b"Content-Length: 1", b"Connection: keep-alive"], False),
    ],
)
def test_an_upstreams_connection_outlives_an_answer_that_ends_by_itself(start, lines, keep_alive):
    assert answer(*lines, start=start).keep_alive is keep_alive


def test_an_offered_protocol_is_read_in_due_form_only():
    start = b"HTTP/1.1 101 X\r\n"
    assert answer(b"Connection: Upgrade", b"Upgrade: WS", start=start).upgrade == b"ws"
    assert answer(b"Upgrade: WS", start=start).upgrade == b""


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 099 X\r\n\r\n",
        b"HTTP/1.1 600 X\r\n\r\n",
        b"HTTP/1.1 999 X\r\n\r\n",
        b"HTTP/1.1 2000 X\r\n\r\n",
        b"HTTP/2.0 200 X\r\n\r\n",
        b"HTTP/0.9 200 X\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 200 O\x00K\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"hello\r\n\r\n",
        GET + b"\r\n",
        OK,
        OK + b"A: b\r\n c\r\n\r\n",
        OK + b"A: b\x00\r\n\r\n",
        OK + b"A: b\rc\r\n\r\n",
        OK + b"A: b\nc\r\n\r\n",
        OK + b"A\r\n\r\n",
        OK + b"A : b\r\n\r\n",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: +1\r\n\r\n",
        OK + b"Content-Length: 9007199254740992\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_malformed_answer_is_not_relayed(head):
    with pytest.raises(MalformedAnswer) as caught:
        parse_response(head, b"GET")
    assert caught.value.reason


def test_an_answer_may_have_more_fields_than_a_request():
    assert len(answer(*[b"Set-Cookie: a"] * 101).headers) == 101
