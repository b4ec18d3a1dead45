"""A worker's answer, rule by rule: a bad one never reaches a client as something else."""

import pytest
import trio
from helpers import auntil
from octets import answering, everything
from stage import Peer, Stage, ok, request

from webqx_supervisor.model.gateway import Forwarding

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SWITCHED = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
BODY_LIKE_AN_ANSWER = ok(b"poison")


def field(line: bytes) -> bytes:
    return OK + line + b"\r\n" + EMPTY


NONSENSE = {
    "cl-and-te": OK + b"Content-Length: 2\r\n" + CHUNKED + b"\r\n2\r\nab\r\n0\r\n\r\n",
    "te-and-cl": OK + CHUNKED + b"Content-Length: 2\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "cl-twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "cl-twice-different": OK + b"Content-Length: 2\r\nContent-Length: 0\r\n\r\nab",
    "cl-list": OK + b"Content-Length: 2, 2\r\n\r\nab",
    "cl-empty": OK + b"Content-Length:\r\n\r\nab",
    "cl-sign": OK + b"Content-Length: +2\r\n\r\nab",
    "cl-hex": OK + b"Content-Length: 0x2\r\n\r\nab",
    "cl-2^53": OK + b"Content-Length: 9007199254740992\r\n\r\nab",
    "te-unknown": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "te-unknown-before-chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "te-twice": OK + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "te-identity": OK + b"Transfer-Encoding: identity\r\n\r\n",
    "te-in-1.0": b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "cl-twice-of-304": b"HTTP/1.1 304 Not\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
    "101-unasked": SWITCHED,
    "status-99": b"HTTP/1.1 99 Low\r\n" + EMPTY,
    "status-099": b"HTTP/1.1 099 Low\r\n" + EMPTY,
    "status-600": b"HTTP/1.1 600 High\r\n" + EMPTY,
    "status-999": b"HTTP/1.1 999 High\r\n" + EMPTY,
    "status-1000": b"HTTP/1.1 1000 High\r\n" + EMPTY,
    "status-sign": b"HTTP/1.1 +200 OK\r\n" + EMPTY,
    "status-none": b"HTTP/1.1 OK\r\n" + EMPTY,
    "http-2": b"HTTP/2.0 200 OK\r\n" + EMPTY,
    "http-2-short": b"HTTP/2 200 OK\r\n" + EMPTY,
    "http-0.9": b"HTTP/0.9 200 OK\r\n" + EMPTY,
    "http-lower-case": b"http/1.1 200 OK\r\n" + EMPTY,
    "leading-space": b" " + OK + EMPTY,
    "leading-crlf": b"\r\n" + OK + EMPTY,
    "two-spaces": b"HTTP/1.1  200 OK\r\n" + EMPTY,
    "ctl-in-reason": b"HTTP/1.1 200 O\x01K\r\n" + EMPTY,
    "garbage": b"\x00\x01\x02\x03\r\n\r\n",
    "garbage-line": b"SSH-2.0-OpenSSH_9.2\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x46\n",
    "html": b"<html>\r\n<body>hello</body></html>\r\n\r\n",
    "a-request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "obs-fold": field(b"A: b\r\n c"),
    "obs-fold-first": OK + b" A: b\r\n" + EMPTY,
    "nul": field(b"A: b\0c"),
    "ctl": field(b"A: b\x07c"),
    "bare-cr": field(b"A: b\rSet-Cookie: c"),
    "bare-lf": field(b"A: b\nSet-Cookie: c"),
    "bare-lf-everywhere": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "no-colon": field(b"A"),
    "name-empty": field(b": b"),
    "space-before-colon": field(b"A : b"),
    "space-in-name": field(b"A B: c"),
    "status-line-8-kib": b"HTTP/1.1 200 " + b"a" * 9000 + b"\r\n" + EMPTY,
    "head-64-kib": field(b"\r\n".join([b"A: " + b"a" * 1000] * 70)),
    "chunk-at-once": OK + CHUNKED + b"\r\nnonsense\r\n",
    "interim-with-body": b"HTTP/1.1 103 Hint\r\nContent-Length: 5\r\n\r\nhello" + ok(),
    "interim-malformed": b"HTTP/1.1 103 Hint\r\nA : b\r\n\r\n" + ok(),
}


@pytest.mark.parametrize("octets", NONSENSE.values(), ids=NONSENSE)
async def test_a_bad_head_is_a_502_and_its_connection_is_never_used_again(stage: Stage, octets):
    worker = await stage.upstream(answering(octets))
    await stage.apply(worker)
    client = await stage.connect()
    for connections in (1, 2):
        await client.send(request())
        answer = await client.head()
        while answer.startswith(b"HTTP/1.1 103 "):
            answer = await client.head()
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"\r\nConnection: close\r\n" not in answer
        assert b" nonsense: " in await client.until(b"\nrequest ")
        assert (await client.until(b"\n"))[:-1] in answer  # the request's id
        assert worker.connections == connections


CUT = {
    "cl-nothing": OK + b"Content-Length: 1000000\r\n\r\n",
    "cl-short": OK + b"Content-Length: 1000000\r\n\r\n" + b"a" * 70_000,
    "chunked-without-any": OK + CHUNKED + b"\r\n",
    "chunked-inside-size": OK + CHUNKED + b"\r\n5",
    "chunked-inside-chunk": OK + CHUNKED + b"\r\n5\r\nab",
    "chunked-after-payload": OK + CHUNKED + b"\r\n2\r\nab",
    "chunked-after-chunk": OK + CHUNKED + b"\r\n2\r\nab\r\n",
    "chunked-inside-last": OK + CHUNKED + b"\r\n2\r\nab\r\n0",
    "chunked-without-end": OK + CHUNKED + b"\r\n2\r\nab\r\n0\r\n",
    "chunked-inside-trailer": OK + CHUNKED + b"\r\n2\r\nab\r\n0\r\nA: b\r\n",
}


@pytest.mark.parametrize("octets", CUT.values(), ids=CUT)
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_an_answer_that_ends_too_soon_is_cut_with_a_reset(stage: Stage, version, octets):
    await stage.apply(await stage.upstream(answering(octets, close=True)))
    client = await stage.connect()
    await client.send(b"GET / HTTP/%b\r\nHost: example.org\r\n\r\n" % version)
    got, in_order = await everything(client)
    assert not in_order
    assert b"\r\n0\r\n" not in got
    assert not got.endswith(b"\r\n0")
    await auntil(stage.log_lines)
    assert "the worker ended inside its answer" in stage.log_lines()[0]


async def test_a_small_answer_that_always_ends_too_soon_is_a_502(stage: Stage):
    short = OK + b"Content-Length: 10\r\n\r\nabc"
    await stage.apply(await stage.upstream(answering(short, close=True)))
    status, _, body = await stage.ask(request())
    assert status == 502
    assert b"ended inside its answer" in body


async def test_an_answer_until_close_that_ends_by_a_reset_is_cut(stage: Stage):
    seen = trio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nsome")
        await seen.wait()
        linger = b"\1\0\0\0\0\0\0\0"
        peer.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, linger)

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request())
    await client.until(b"some")
    seen.set()
    got, in_order = await everything(client)
    assert (got, in_order) == (b"", False)


@pytest.mark.parametrize(
    "bad", [b"nonsense\r\n", b"2\nab\r\n", b"2\r\nabc\r\n", b"-1\r\n", b"2;\0\r\nab\r\n"]
)
async def test_a_chunk_that_is_bad_later_on_cuts_the_answer(stage: Stage, bad: bytes):
    seen = trio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + CHUNKED + b"\r\n2\r\nab\r\n")
        await seen.wait()
        await peer.send(bad + b"0\r\n\r\n")
        await peer.ended()

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request())
    await client.until(b"ab\r\n")
    seen.set()
    got, in_order = await everything(client)
    assert not in_order
    assert b"0\r\n" not in got


EXCESS = {
    "cl": ("GET", OK + b"Content-Length: 4\r\n\r\nmine", b"mine"),
    "cl-0": ("GET", OK + EMPTY, b""),
    "chunked": ("GET", OK + CHUNKED + b"\r\n4\r\nmine\r\n0\r\n\r\n", b"mine"),
    "head": ("HEAD", OK + b"Content-Length: 4\r\n\r\n", b""),
    "head-chunked": ("HEAD", OK + CHUNKED + b"\r\n", b""),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "204-with-length": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n", b""),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", b""),
}


@pytest.mark.parametrize(("method", "octets", "body"), EXCESS.values(), ids=EXCESS)
async def test_octets_behind_an_answer_reach_nobody(stage: Stage, method, octets, body):
    worker = await stage.upstream(answering(octets + BODY_LIKE_AN_ANSWER))
    await stage.apply(worker)
    client = await stage.connect()
    for connections in (1, 2, 3):
        await client.send(request(method))
        assert (await client.answer(to_head=method == "HEAD"))[2] == body
        assert worker.connections == connections


@pytest.mark.parametrize("size", [4, 300_000])
async def test_octets_behind_a_body_that_came_after_its_head_reach_nobody(stage: Stage, size: int):
    seen = trio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK + b"Content-Length: %d\r\n\r\n" % size)
        await seen.wait()
        await peer.send(b"m" * size + BODY_LIKE_AN_ANSWER)
        await peer.ended()

    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    for connections in (1, 2, 3):
        await client.send(request())
        await client.head()
        seen.set()
        assert await client.exactly(size) == b"m" * size
        assert worker.connections == connections


@pytest.mark.parametrize("octets", [BODY_LIKE_AN_ANSWER, b"\0"])
async def test_what_a_worker_says_unasked_reaches_nobody(stage: Stage, octets: bytes):
    speak = trio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.send(ok(b"mine"))
        await speak.wait()
        await peer.send(octets)
        await peer.ended()

    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request())
    assert (await client.answer())[2] == b"mine"
    speak.set()
    pool = stage.proxy.gateway.upstreams.all()[0].pool
    await auntil(lambda: not len(pool))
    await client.send(request())
    assert (await client.answer())[2] == b"mine"
    assert worker.connections == 2


BODILESS = {
    "head": ("HEAD", OK + b"Content-Length: 4\r\n\r\n", b"Content-Length: 4"),
    "head-chunked": ("HEAD", OK + CHUNKED + b"\r\n", b""),
    "head-without": ("HEAD", OK + b"\r\n", b""),
    "304": ("GET", b"HTTP/1.1 304 Not\r\nContent-Length: 4\r\n\r\n", b"Content-Length: 4"),
    "304-chunked": ("GET", b"HTTP/1.1 304 Not\r\n" + CHUNKED + b"\r\n", b""),
    "204-length": ("GET", b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", b""),
    "204-chunked": ("GET", b"HTTP/1.1 204 No\r\n" + CHUNKED + b"\r\n", b""),
}


@pytest.mark.parametrize(("method", "octets", "length"), BODILESS.values(), ids=BODILESS)
async def test_an_answer_without_body_has_no_framing_of_one(stage: Stage, method, octets, length):
    worker = await stage.upstream(answering(octets))
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(3):
        await client.send(request(method))
        lines = (await client.head()).split(b"\r\n")
        framing = [line for line in lines if line.lower().startswith((b"content-l", b"transfer-"))]
        assert framing == ([length] if length else [])
    assert worker.connections == 1


@pytest.mark.parametrize("status", [100, 102, 103, 199])
async def test_an_interim_answer_is_relayed_and_dropped_for_http_1_0(stage: Stage, status: int):
    interim = b"HTTP/1.1 %d Wait\r\nLink: </a>\r\nKeep-Alive: 5\r\n%b\r\n" % (status, CHUNKED)
    worker = await stage.upstream(answering(interim + ok(b"final")))
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(2):
        await client.send(request())
        relayed = b"HTTP/1.1 %d Wait\r\nLink: </a>\r\nVia: 1.1 webqx-sv\r\n\r\n" % status
        assert await client.head() == relayed
        assert (await client.answer())[2] == b"final"
    assert worker.connections == 1
    assert (await stage.ask(b"GET / HTTP/1.0\r\n\r\n"))[2] == b"final"


@pytest.mark.parametrize(("count", "status"), [(8, 200), (9, 502)])
async def test_no_more_than_eight_interim_answers_are_relayed(stage: Stage, count, status):
    interim = b"HTTP/1.1 103 Hint\r\n\r\n" * count
    await stage.apply(await stage.upstream(answering(interim + ok())))
    client = await stage.connect()
    await client.send(request())
    for _ in range(8):
        assert (await client.head()).startswith(b"HTTP/1.1 103 ")
    assert (await client.answer())[0] == status


BAD_SWITCHES = {
    "other-protocol": SWITCHED.replace(b"websocket", b"h2c"),
    "none": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n\r\n",
    "not-nominated": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
    "two": SWITCHED[:-2] + b"Upgrade: websocket\r\n\r\n",
}


@pytest.mark.parametrize("octets", BAD_SWITCHES.values(), ids=BAD_SWITCHES)
async def test_a_switch_to_what_was_not_asked_for_is_a_502(stage: Stage, octets: bytes):
    worker = await stage.upstream(answering(octets + b"smuggled"))
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request("GET", "/", "Connection: upgrade", "Upgrade: websocket"))
    status, _, body = await client.answer()
    assert status == 502
    assert b"smuggled" not in body
    await client.send(request())
    assert (await client.answer())[0] == 502


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200", OK, OK + b"A: b\r\n"])
async def test_an_answer_that_ends_inside_its_head_is_a_502_that_says_so(stage: Stage, part: bytes):
    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.send(part)

    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request("POST"))
    status, fields, body = await client.answer()
    assert (status, "connection" in fields) == (502, False)
    assert b"closed the connection without an answer" in body
    assert worker.connections == 1


@pytest.mark.parametrize("octets", [b"H", b"HTTP/1.1 20", b"garbage without an end of line"])
async def test_an_answer_that_never_begins_is_an_error_of_the_proxys_own(stage: Stage, octets):
    stage.forwarding = Forwarding(response_timeout=0.2)
    await stage.apply(await stage.upstream(answering(octets)))
    assert (await stage.ask(request()))[0] in (502, 504)


@pytest.mark.parametrize(
    ("octets", "close"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nbody", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", False),
        (b"HTTP/1.1 200\r\n\r\nbody", True),
    ],
    ids=["1.0-until-close", "1.0-keep-alive", "close", "until-close"],
)
async def test_a_worker_may_close_while_the_client_stays(stage: Stage, octets, close):
    worker = await stage.upstream(answering(octets, close=close))
    await stage.apply(worker)
    client = await stage.connect()
    for connections in (1, 2):
        await client.send(request())
        status, fields, body = await client.answer()
        assert (status, body, "connection" in fields) == (200, b"body", False)
        assert worker.connections == connections


async def test_fields_of_the_workers_hop_go_no_further(stage: Stage):
    hop = b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
    others = (
        b"Proxy-Connection: a\r\nTrailer: A\r\nUpgrade: h2c\r\nTE: a\r\nDate: now\r\nA: \xff\r\n"
    )
    await stage.apply(await stage.upstream(answering(OK + hop + others + EMPTY)))
    client = await stage.connect()
    await client.send(request())
    assert await client.head() == (
        b"HTTP/1.1 200 OK\r\nDate: now\r\nA: \xff\r\nContent-Length: 0\r\nVia: 1.1 webqx-sv\r\n\r\n"
    )
