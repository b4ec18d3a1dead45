"""Where a request's body ends, rule by rule: what could be read in two ways goes nowhere."""

import pytest
from helpers import auntil
from octets import forwarded, record
from stage import Stage

from webqx_supervisor.model.gateway import Limits

POST = b"POST / HTTP/1.1\r\nHost: example.org\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: example.org\r\n\r\n"
NEXT_FORWARDED = forwarded("GET /next HTTP/1.1")
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKED_FORWARDED = forwarded("POST / HTTP/1.1", "Transfer-Encoding: chunked")


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return POST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def coded(value: bytes) -> bytes:
    return post(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n")


def counted(*values: bytes) -> bytes:
    return post(*[b"Content-Length: " + value for value in values], body=b"ab")


REFUSED = {
    "te-then-cl": (post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"), 400),
    "cl-then-te": (post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), 400),
    "cl-0-and-te": (post(b"Content-Length: 0", CHUNKED, body=b"0\r\n\r\n"), 400),
    "te-unknown-and-cl": (post(b"Transfer-Encoding: x", b"Content-Length: 0"), 400),
    "te-empty-and-cl": (post(b"Transfer-Encoding:", b"Content-Length: 0"), 400),
    "te-in-1.0": (b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n\r\n0\r\n\r\n", 400),
    "te-of-get-and-cl": (
        b"GET / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n" + CHUNKED + b"\r\n\r\n",
        400,
    ),
    "te-unknown-before-chunked": (coded(b"gzip, chunked"), 501),
    "te-unknown-in-a-field-before": (post(b"Transfer-Encoding: gzip", CHUNKED), 501),
    "te-not-final": (coded(b"chunked, gzip"), 400),
    "te-unknown": (coded(b"gzip"), 400),
    "te-identity": (coded(b"identity"), 400),
    "te-chunked-then-identity": (coded(b"chunked, identity"), 400),
    "te-twice-in-list": (coded(b"chunked, chunked"), 400),
    "te-twice-in-fields": (post(CHUNKED, CHUNKED), 400),
    "te-empty": (coded(b""), 400),
    "te-only-commas": (coded(b",,"), 400),
    "te-quoted": (coded(b'"chunked"'), 400),
    "te-vertical-tab": (coded(b"\x0bchunked"), 400),
    "te-form-feed": (coded(b"chunked\x0c"), 400),
    "te-nul": (coded(b"chunked\0"), 400),
    "te-8-bit": (coded(b"\xa0chunked"), 400),
    "te-parameter": (coded(b"chunked;a=b"), 400),
    "te-prefix": (coded(b"xchunked"), 400),
    "te-space-inside": (coded(b"chunked x"), 400),
    "te-folded": (post(b"Transfer-Encoding:", b" chunked"), 400),
    "te-space-before-colon": (post(b"Transfer-Encoding : chunked"), 400),
    "te-after-cr": (post(b"A: b\rTransfer-Encoding: chunked"), 400),
    "te-after-lf": (post(b"A: b\nTransfer-Encoding: chunked"), 400),
    "cl-twice": (counted(b"2", b"2"), 400),
    "cl-twice-different": (counted(b"2", b"0"), 400),
    "cl-list": (counted(b"2, 2"), 400),
    "cl-list-different": (counted(b"2,0"), 400),
    "cl-empty": (counted(b""), 400),
    "cl-plus": (counted(b"+2"), 400),
    "cl-minus": (counted(b"-2"), 400),
    "cl-minus-zero": (counted(b"-0"), 400),
    "cl-hex": (counted(b"0x2"), 400),
    "cl-spaces-inside": (counted(b"1 2"), 400),
    "cl-underscore": (counted(b"1_0"), 400),
    "cl-fraction": (counted(b"2.0"), 400),
    "cl-exponent": (counted(b"2e0"), 400),
    "cl-quoted": (counted(b'"2"'), 400),
    "cl-letters": (counted(b"two"), 400),
    "cl-8-bit-digit": (counted(b"\xb2"), 400),
    "cl-vertical-tab": (counted(b"\x0b2"), 400),
    "cl-space-before-colon": (post(b"Content-Length : 2", body=b"ab"), 400),
    "cl-folded": (post(b"Content-Length:", b" 2", body=b"ab"), 400),
    "cl-2^53": (counted(b"9007199254740992"), 413),
    "cl-2^63": (counted(b"9223372036854775808"), 413),
    "cl-2^64+2": (counted(b"18446744073709551618"), 413),
    "cl-huge": (counted(b"9" * 5000), 413),
    "cl-over-limit": (post(b"Content-Length: 101", body=b"ab"), 413),
    "chunk-over-limit": (post(CHUNKED, body=b"65\r\n" + b"a" * 101 + b"\r\n0\r\n\r\n"), 413),
}


@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_body_of_doubtful_length_is_refused_and_no_worker_hears_of_it(stage, raw, status):
    stage.limits = Limits(max_body=100)
    worker = await record(stage)
    client = await stage.connect()
    await client.send(raw + NEXT)
    answered, fields, _ = await client.answer()
    assert (answered, fields["connection"]) == (status, "close")
    assert await client.ended()
    assert worker.connections == 0


BAD_CHUNKS = {
    "size-empty": b"\r\nabc\r\n",
    "size-sign": b"+3\r\nabc\r\n",
    "size-minus": b"-3\r\nabc\r\n",
    "size-0x": b"0x3\r\nabc\r\n",
    "size-underscore": b"0_3\r\nabc\r\n",
    "size-letter": b"g\r\nabc\r\n",
    "size-space-before": b" 3\r\nabc\r\n",
    "size-tab-before": b"\t3\r\nabc\r\n",
    "size-space-after": b"3 \r\nabc\r\n",
    "size-17-digits": b"00000000000000003\r\nabc\r\n",
    "size-overflow": b"10000000000000003\r\nabc\r\n",
    "size-line-lf": b"3\nabc\r\n",
    "size-line-cr": b"3\rabc\r\n",
    "size-line-cr-cr-lf": b"3\r\r\nabc\r\n",
    "end-lf": b"3\r\nabc\n",
    "end-cr": b"3\r\nabc\r0\r\n",
    "end-missing": b"3\r\nabc0\r\n\r\n",
    "too-long": b"3\r\nabcd\r\n",
    "too-short": b"5\r\nabc\r\n0\r\n\r\n",
    "crlf-before-size": b"\r\n3\r\nabc\r\n",
    "extension-lf": b"3;a\nb\r\nabc\r\n",
    "extension-cr": b"3;a\rb\r\nabc\r\n",
    "extension-nul": b"3;a\0\r\nabc\r\n",
    "extension-ctl": b"3;a=\x01\r\nabc\r\n",
    "extension-without-semicolon": b"3 a=b\r\nabc\r\n",
    "extension-257": b"3;" + b"a" * 256 + b"\r\nabc\r\n",
    "extension-without-end": b"3;" + b"a" * 400,
    "extensions-4-kib": (b"1;" + b"a" * 200 + b"\r\nb\r\n") * 21,
    "last-chunk-lf": b"0\n\r\n",
    "end-of-body-lf": b"0\r\n\n",
    "trailer-folded": b"0\r\n a: b\r\n\r\n",
    "trailer-space-before-colon": b"0\r\na : b\r\n\r\n",
    "trailer-no-colon": b"0\r\nGET / HTTP/1.1\r\n\r\n",
    "trailer-lf": b"0\r\na: b\n\r\n",
    "trailer-nul": b"0\r\na: \0\r\n\r\n",
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_a_bad_chunk_that_comes_with_the_head_reaches_no_worker(stage: Stage, body: bytes):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(post(CHUNKED, body=b"1\r\nx\r\n" + body))
    assert (await client.answer())[0] == 400
    assert await client.ended()
    assert worker.connections == 0


HALF = CHUNKED_FORWARDED + b"1\r\nx\r\n"
LONG_TRAILERS = {"trailers-16-kib": b"0\r\n" + b"a: b\r\n" * 3000 + b"\r\n"}


@pytest.mark.parametrize(
    "body", (BAD_CHUNKS | LONG_TRAILERS).values(), ids=BAD_CHUNKS | LONG_TRAILERS
)
async def test_a_bad_chunk_inside_the_body_is_a_400_and_leaves_the_worker_half_a_request(
    stage: Stage, body: bytes
):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(post(CHUNKED, body=b"1\r\nx\r\n"))
    await auntil(lambda: worker.unfinished == [HALF])
    await client.send(body)
    assert (await client.answer())[0] == 400
    assert await client.ended()
    await auntil(lambda: worker.ended)
    assert (worker.requests, worker.unfinished) == ([], [HALF])


PASSED = {
    "cl": (counted(b"2"), "Content-Length: 2", b"ab"),
    "cl-blanks-around": (counted(b" \t2\t "), "Content-Length: 2", b"ab"),
    "cl-leading-zeros": (counted(b"0" * 30 + b"2"), "Content-Length: 2", b"ab"),
    "cl-0": (post(b"Content-Length: 0"), "Content-Length: 0", b""),
    "none": (post(), "Content-Length: 0", b""),
    "chunked-empty": (post(CHUNKED, body=b"0\r\n\r\n"), CHUNKED.decode(), b"0\r\n\r\n"),
    "chunked-case": (
        post(b"transfer-ENCODING: ChunKed", body=b"1\r\na\r\n0\r\n\r\n"),
        CHUNKED.decode(),
        b"1\r\na\r\n0\r\n\r\n",
    ),
    "chunked-in-odd-list": (coded(b", chunked ,"), CHUNKED.decode(), b"0\r\n\r\n"),
    "chunked-anew": (
        post(CHUNKED, body=b"01\r\na\r\n0000000000000003\r\nbcd\r\n00\r\n\r\n"),
        CHUNKED.decode(),
        b"4\r\nabcd\r\n0\r\n\r\n",
    ),
    "chunk-size-letters": (
        post(CHUNKED, body=b"00A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"),
        CHUNKED.decode(),
        b"15\r\n01234567890123456789a\r\n0\r\n\r\n",
    ),
    "extension-dropped": (
        post(CHUNKED, body=b'1;a;b=c;d="e;f"\r\na\r\n1 ; x\r\nb\r\n0;last\r\n\r\n'),
        CHUNKED.decode(),
        b"2\r\nab\r\n0\r\n\r\n",
    ),
    "extension-256": (
        post(CHUNKED, body=b"1;" + b"a" * 255 + b"\r\na\r\n0\r\n\r\n"),
        CHUNKED.decode(),
        b"1\r\na\r\n0\r\n\r\n",
    ),
    "trailers-dropped": (
        post(CHUNKED, body=b"0\r\nContent-Length: 5\r\nHost: evil\r\nA: b\r\n\r\n"),
        CHUNKED.decode(),
        b"0\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("raw", "field", "body"), PASSED.values(), ids=PASSED)
async def test_a_body_is_framed_anew_and_the_next_request_begins_where_it_ends(
    stage: Stage, raw: bytes, field: str, body: bytes
):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(raw + NEXT)
    for _ in range(2):
        assert (await client.answer())[0] == 200
    assert worker.requests == [forwarded("POST / HTTP/1.1", field, body=body), NEXT_FORWARDED]
    assert worker.connections == 1


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "NEW"])
@pytest.mark.parametrize(("field", "body"), [("Content-Length: 2", b"ab"), (CHUNKED.decode(), b"")])
async def test_any_method_may_have_a_body(stage: Stage, method: str, field: str, body: bytes):
    worker = await record(stage)
    body = body or b"2\r\nab\r\n0\r\n\r\n"
    raw = f"{method} / HTTP/1.1\r\nHost: example.org\r\n{field}\r\n\r\n".encode() + body
    client = await stage.connect()
    await client.send(raw + NEXT)
    for _ in range(2):
        assert (await client.answer())[0] == 200
    assert worker.requests == [forwarded(f"{method} / HTTP/1.1", field, body=body), NEXT_FORWARDED]


async def test_a_request_inside_a_body_is_a_body(stage: Stage):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(post(b"Content-Length: %d" % len(NEXT), body=NEXT))
    assert (await client.answer())[0] == 200
    await client.send(NEXT)
    assert (await client.answer())[0] == 200
    counted_field = f"Content-Length: {len(NEXT)}"
    first = forwarded("POST / HTTP/1.1", counted_field, body=NEXT)
    assert worker.requests == [first, NEXT_FORWARDED]
