import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webqx_supervisor.core.wire.messages import Malformed, MalformedAnswer
from webqx_supervisor.core.wire.parser import HEAD_LIMIT, find_head, parse_request, parse_response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


def request(start, *lines):
    return parse_request(start + b"".join(line + b"\r\n" for line in lines) + b"\r\n")


def refusal(start, *lines):
    with pytest.raises(Malformed) as caught:
        request(start, *lines)
    return caught.value.status


# --- limits, and heads that are still coming


def test_a_request_line_may_have_8192_octets():
    fixed = len(b"GET / HTTP/1.1")
    start = b"GET /%b HTTP/1.1\r\nHost: a\r\n"
    assert request(start % (b"a" * (8192 - fixed))).method == b"GET"
    assert refusal(start % (b"a" * (8193 - fixed))) == 414


def test_a_head_may_have_100_fields():
    assert len(request(GET, *[b"A: b"] * 99).headers) == 100
    assert refusal(GET, *[b"A: b"] * 100) == 431


def test_a_head_may_have_as_many_octets_as_the_limit_says():
    head = GET + b"A: b\r\n\r\n"
    assert find_head(head + b"rest", len(head)) == len(head)
    with pytest.raises(Malformed) as caught:
        find_head(head, len(head) - 1)
    assert caught.value.status == 431


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_a_head_that_comes_in_pieces_is_found_at_its_end(step):
    head, buffer, searched = b"\r\n" + GET + b"A: b\r\n\r\n", bytearray(), 0
    stream = head + b"body"
    for at in range(0, len(stream), step):
        buffer += stream[at : at + step]
        end = find_head(buffer, HEAD_LIMIT, searched)
        assert end == (len(head) if len(buffer) >= len(head) else -1)
        if end > 0:
            break
        searched = len(buffer)


@pytest.mark.parametrize(
    ("buffer", "status"),
    [
        (b"\x16\x03\x01", 400),
        (b" GET", 400),
        (b"\nGET", 400),
        (b"\r\n\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET /\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n\n", 400),
        (b"SSH-2.0-OpenSSH\r\n", 400),
        (b"GET /" + b"a" * 8192, 414),
        (b"\r\nGET /" + b"a" * 8192, 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 16384, 431),
    ],
)
def test_a_head_that_cannot_become_good_is_refused_before_its_end(buffer, status):
    with pytest.raises(Malformed) as caught:
        find_head(buffer, HEAD_LIMIT)
    assert caught.value.status == status


def test_a_bare_lf_is_seen_across_two_pieces():
    piece = b"GET / HTTP/1.1\r\nHost: a\r"
    assert find_head(piece, HEAD_LIMIT) == -1
    assert find_head(piece + b"\nA: b", HEAD_LIMIT, len(piece)) == -1
    piece += b"\nA: b"
    with pytest.raises(Malformed):
        find_head(piece + b"\n", HEAD_LIMIT, len(piece))


@pytest.mark.parametrize("buffer", [b"", b"\r", b"\r\n", b"G", b"GET", b"GET /", b"HTTP", b"HTTP/"])
def test_a_beginning_that_may_become_good_is_waited_for(buffer):
    assert find_head(buffer, HEAD_LIMIT) == -1


# --- whatever comes

PIECES = st.sampled_from(
    [
        *(b"GET", b" ", b"/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r", b"\t", b":", b","),
        *(b"Host: a\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked", b"Expect: ", b"Via:"),
        *(
            b"Connection: ",
            b"Upgrade: ",
            b"OPTIONS * ",
            b"Max-Forwards: ",
            b"200",
            b"a",
            b"%2e",
            b"\xff",
        ),
    ]
)
STREAMS = st.binary(max_size=80) | st.lists(PIECES, max_size=25).map(b"".join)


@settings(max_examples=300)
@given(STREAMS)
def test_arbitrary_octets_raise_nothing_but_a_refusal(data):
    with contextlib.suppress(Malformed):
        find_head(data, 64)
    for start in (b"", GET, POST):
        with contextlib.suppress(Malformed):
            parse_request(start + data + b"\r\n\r\n")
    for start in (b"", OK):
        with contextlib.suppress(MalformedAnswer):
            parse_response(start + data + b"\r\n\r\n", b"GET")


@settings(max_examples=300)
@given(STREAMS)
def test_what_is_refused_early_would_have_been_refused_whole(data):
    with contextlib.suppress(Malformed):
        find_head(data, HEAD_LIMIT)
        return
    with pytest.raises(Malformed):
        parse_request(data + b"\r\n\r\n")
