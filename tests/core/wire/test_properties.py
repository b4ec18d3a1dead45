"""What holds for all octets: they may come in any pieces, and what is written is read alike.

h11 is the second opinion: it knows nothing of this product, and is the more lenient of the two.
"""

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reader import BLOCK, pieces, read

from webqx_supervisor.core.wire.framing import LAST_CHUNK, encode_chunk
from webqx_supervisor.core.wire.messages import (
    CHUNKED,
    UNTIL_CLOSE,
    Malformed,
    MalformedAnswer,
    RequestHead,
)
from webqx_supervisor.core.wire.parser import (
    HEAD_LIMIT,
    RESPONSE_HEAD_LIMIT,
    find_head,
    parse_request,
    parse_response,
)
from webqx_supervisor.core.wire.writer import render_request, render_response

EXAMPLES = settings(max_examples=200, deadline=None)


def letters(alphabet: bytes, least: int = 1, most: int = 8) -> st.SearchStrategy[bytes]:
    octets = st.sampled_from([alphabet[at : at + 1] for at in range(len(alphabet))])
    return st.lists(octets, min_size=least, max_size=most).map(b"".join)


TOKENS = letters(b"aZ09-!#~_")
VALUES = letters(b'aZ09 ,;="\t:/\x80\xff', least=0, most=12)
SEGMENTS = st.sampled_from([b"a", b"b.c", b".", b"", b"%41", b"%2F", b";x", b"..", b"~"])
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: b"/" + b"/".join(segments))
QUERIES = st.sampled_from([b"", b"?", b"?a=b&c", b"?/..%00"])
FRONTS = st.sampled_from([b"", b"", b"", b"http://other:81", b"HTTPS://x"])
METHODS = st.sampled_from([b"GET", b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"NEW"])
KNOWN = st.sampled_from(
    [
        b"Connection: keep-alive",
        b"Connection: X-Hop",
        b"X-Hop: 1",
        b"Connection: Upgrade\r\nUpgrade: websocket",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"Proxy: evil",
        b"Via: 1.0 fred",
        b"TE: trailers",
        b"Max-Forwards: 3",
        b"X_Forwarded_For: 6.6.6.6",
        b"X-Forwarded-For: 6.6.6.6",
    ]
)
FIELDS = st.one_of(st.tuples(TOKENS, VALUES).map(lambda pair: b"%b:%b" % pair), KNOWN)
CHUNKS = st.tuples(
    letters(b"ab\r\n0", most=6),
    st.sampled_from([b"", b";a", b' ;a="b;c"', b";"]),
    st.sampled_from([b"", b"0", b"000"]),
).map(lambda parts: b"%b%x%b\r\n%b\r\n" % (parts[2], len(parts[0]), parts[1], parts[0]))
ENDS = st.sampled_from([b"0\r\n\r\n", b"000;x\r\n\r\n", b"0\r\nA: b\r\nHost: c\r\n\r\n"])
BODIES = st.one_of(
    st.just(b"\r\n"),
    letters(b"ab\r\n0", least=0, most=20).map(
        lambda body: b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    ),
    st.tuples(st.lists(CHUNKS, max_size=3), ENDS).map(
        lambda parts: b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts[0]) + parts[1]
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    target = draw(FRONTS) + draw(PATHS) + draw(QUERIES)
    fields = b"".join(field + b"\r\n" for field in draw(st.lists(FIELDS, max_size=5)))
    start = b"%b %b HTTP/1.1\r\nHost: example.org\r\n" % (draw(METHODS), target)
    return draw(st.sampled_from([b"", b"\r\n"])) + start + fields + draw(BODIES)


STATUSES = st.sampled_from([b"200 OK", b"404", b"204 No", b"304 Not", b"500 \xff", b"206 "])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    fields = b"".join(field + b"\r\n" for field in draw(st.lists(FIELDS, max_size=5)))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    return b"HTTP/%b %b\r\n%b%b" % (version, draw(STATUSES), fields, draw(BODIES))


HOSTILE = st.sampled_from(
    [
        *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b"\t", b" ", b"\x0b", b"\x7f", b"\x80", b":"),
        *(b"\n\n", b"\r\r\n", b"\r\n ", b" :", b",", b";", b'"', b"%", b"%00", b"/..", b"\\", b"#"),
        *(b"chunked", b"\r\nTransfer-Encoding: chunked", b"\r\nTransfer-Encoding:\x0bchunked"),
        *(b"\r\nContent-Length: 5", b"\r\nContent-Length: +5", b"\r\nHost: evil", b" HTTP/1.0"),
        *(b"0\r\n\r\n", b"-1", b"0x", b"ffffffffffffffff", b"GET / HTTP/1.1\r\n\r\n", b"HTTP/2.0"),
    ]
)


@st.composite
def spoilt(draw: st.DrawFn, messages: st.SearchStrategy[bytes]) -> bytes:
    """Cut pieces out of a good message, and put pieces into it that are known to do harm."""
    octets = draw(messages)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(octets)))
        octets = octets[:at] + draw(HOSTILE) + octets[at + draw(st.integers(0, 3)) :]
    return octets


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


def assert_same(octets: bytes, cuts: list[int], *, request: bool) -> None:
    whole = read([octets], request=request)
    split = read(pieces(octets, cuts), request=request)
    assert split.refused == whole.refused
    assert [head for head, _ in split.messages] == [head for head, _ in whole.messages]
    if not whole.refused:  # a bad chunk may come after good ones that have been passed on
        assert split.messages == whole.messages


@EXAMPLES
@given(st.lists(spoilt(requests()), min_size=1, max_size=3).map(b"".join), CUTS)
@example(b"GET / HTTP/1.1\r\nHost: a\r\nA: b\n\r\n\r\n", [30])
def test_requests_may_come_in_any_pieces(octets: bytes, cuts: list[int]):
    assert_same(octets, cuts, request=True)


@EXAMPLES
@given(st.lists(spoilt(answers()), min_size=1, max_size=3).map(b"".join), CUTS)
def test_answers_may_come_in_any_pieces(octets: bytes, cuts: list[int]):
    assert_same(octets, cuts, request=False)


@EXAMPLES
@given(st.binary(max_size=60), CUTS)
def test_any_octets_may_come_in_any_pieces(octets: bytes, cuts: list[int]):
    assert_same(octets, cuts, request=True)
    assert_same(octets, cuts, request=False)


def accepted(octets: bytes) -> tuple[RequestHead, bytes] | None:
    """Return the head and what follows it, or None if it is refused or not whole."""
    try:
        end = find_head(octets, HEAD_LIMIT)
        return None if end < 0 else (parse_request(octets[:end]), octets[end:])
    except Malformed:
        return None


@EXAMPLES
@given(spoilt(requests()))
def test_no_accepted_head_holds_an_octet_that_could_end_a_line_elsewhere(octets: bytes):
    found = accepted(octets)
    if found is None:
        return
    head, rest = found
    lines = octets[: len(octets) - len(rest)].split(b"\r\n")
    bare = b"".join(lines)
    assert not any(octet < 0x20 and octet != 0x09 for octet in bare)
    assert 0x7F not in bare
    assert render_request(head, BLOCK).count(b"\r\n\r\n") == 1


@EXAMPLES
@given(spoilt(requests()))
def test_a_request_that_was_written_is_read_with_the_same_meaning(octets: bytes):
    found = accepted(octets)
    if found is None:
        return
    head = found[0]
    again = parse_request(render_request(head, BLOCK, head.upgrade))
    assert (again.method, again.target, again.path) == (head.method, head.target, head.path)
    assert (again.host, again.authority) == (head.host, head.authority)
    assert (again.length, again.upgrade) == (head.length, head.upgrade)
    assert again.expects_continue == head.expects_continue
    assert again.keep_alive
    names = [name.lower() for name, _ in again.headers]
    assert not any(b"_" in name for name in names)
    assert names.count(b"host") == 1
    assert names.count(b"x-forwarded-for") == 1
    assert again.headers[-1][0] == b"Via"


def forward(octets: bytes) -> tuple[bytes, RequestHead, bytes] | None:
    """Return the octets that go to the worker, the head and the payload; None if none do."""
    reader = read([octets], request=True)
    if reader.refused or not reader.messages or reader.in_body:
        return None
    written, payload = reader.messages[0]
    head = parse_request(written)
    chunked = head.length == CHUNKED
    return written + (encode_chunk(payload) + LAST_CHUNK if chunked else payload), head, payload


@EXAMPLES
@given(spoilt(requests()), requests())
def test_h11_reads_what_is_forwarded_with_the_same_framing(octets: bytes, after: bytes):
    forwarded = forward(octets)
    if forwarded is None:
        return
    sent, head, payload = forwarded
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(sent + after)
    request = reader.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (head.method, head.target)
    body = b""
    while isinstance(event := reader.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert body == payload
    assert reader.trailing_data[0] == after


@EXAMPLES
@given(spoilt(answers()), st.sampled_from([b"GET", b"HEAD"]))
def test_h11_reads_what_a_client_gets_with_the_same_framing(octets: bytes, method: bytes):
    try:
        end = find_head(octets, RESPONSE_HEAD_LIMIT)
        head = parse_response(octets[: max(end, 0)], method)
    except (Malformed, MalformedAnswer):
        return
    if head.status < 200:
        return
    framing = CHUNKED if head.length == UNTIL_CLOSE else head.length
    written = render_response(head, close=False, client_minor=1, length=framing)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    body = b"3\r\nabc\r\n0\r\n\r\n" if framing == CHUNKED else b"x" * min(framing, 1000)
    client.receive_data(written + body)
    answer = client.next_event()
    assert isinstance(answer, h11.Response)
    assert answer.status_code == head.status
    got = b""
    while isinstance(event := client.next_event(), h11.Data):
        got += bytes(event.data)
    assert got == (b"abc" if framing == CHUNKED else body)
    assert isinstance(event, h11.EndOfMessage) or framing > 1000


@pytest.mark.parametrize("request_side", [True, False])
@settings(max_examples=300, deadline=None)
@given(octets=st.one_of(spoilt(requests()), spoilt(answers()), st.binary(max_size=200)))
def test_no_octets_at_all_do_more_than_be_refused(request_side: bool, octets: bytes):
    read([octets], request=request_side)  # whatever else it raises fails the test
