"""However the octets are cut into pieces on their way, the result is the same."""

import random

import pytest
from helpers import auntil
from octets import forwarded, record
from stage import Peer, Stage
from trio.testing import wait_all_tasks_blocked

HOST = b" HTTP/1.1\r\nHost: example.org\r\n"
REQUESTS = (
    b"\r\nPOST /1" + HOST + b"Content-Length: 6\r\n\r\na\r\n\r\nb"
    b"GET /2" + HOST + b"X: y\r\n\r\n"
    b"PUT /3" + HOST + b'Transfer-Encoding: chunked\r\n\r\n4;a="b"\r\n0\r\n\r\r\n'
    b"00b\r\n GET / HTTP\r\n0\r\nA: b\r\n\r\n"
    b"HEAD http://other/4" + HOST + b"\r\n"
)
HEADS = [
    forwarded("POST /1 HTTP/1.1", "Content-Length: 6"),
    forwarded("GET /2 HTTP/1.1", "X: y"),
    forwarded("PUT /3 HTTP/1.1", "Transfer-Encoding: chunked"),
    forwarded("HEAD /4 HTTP/1.1", host="other"),
]
BODIES = [b"a\r\n\r\nb", b"", b"0\r\n\r GET / HTTP", b""]
ANSWER = (
    b"HTTP/1.1 103 Hint\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'4;a="b"\r\n0\r\n\r\r\n00b\r\n HTTP/1.1 2\r\n0\r\nA: b\r\n\r\n'
)
BAD_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\n\r\n\r\nabc"


def cuts(octets: bytes) -> list[list[bytes]]:
    """Cut in two everywhere, into single octets, and at random places."""
    ways = [[octets[:at], octets[at:]] for at in range(1, len(octets), 3)]
    ways.append([octets[at : at + 1] for at in range(len(octets))])
    for seed in range(20):
        size = random.Random(seed)
        left, way = octets, []
        while left:
            count = size.randrange(1, 40)
            way.append(left[:count])
            left = left[count:]
        ways.append(way)
    return ways


async def send_apart(peer: Peer, way: list[bytes]) -> None:
    """Send each piece when the one before has been read: the proxy runs in this very process."""
    for piece in way:
        await peer.send(piece)
        await wait_all_tasks_blocked()


def payload(chunked: bytes) -> bytes:
    """Take the chunks of a request's body apart: the proxy's own are plain ones."""
    body = b""
    while chunked:
        size, _, chunked = chunked.partition(b"\r\n")
        body += chunked[: int(size, 16)]
        chunked = chunked[int(size, 16) + 2 :]
    return body


async def test_requests_may_come_in_any_pieces(stage: Stage):
    worker = await record(stage)
    for way in cuts(REQUESTS):
        worker.requests.clear()
        client = await stage.connect()
        await send_apart(client, way)
        for head in HEADS:
            assert (await client.answer(to_head=head.startswith(b"HEAD")))[0] == 200
        assert [got[: len(head)] for got, head in zip(worker.requests, HEADS, strict=True)] == HEADS
        bodies = [got[len(head) :] for got, head in zip(worker.requests, HEADS, strict=True)]
        bodies[2] = payload(bodies[2])
        assert bodies == BODIES
        await client.stream.aclose()
        await auntil(lambda: not stage.proxy.gateway.upstreams.all()[0].in_flight)
    # None was spoilt; a busy machine may still have seen one idle for too long.
    assert worker.connections < len(cuts(REQUESTS)) / 10


async def test_a_bad_request_behind_a_good_one_may_come_in_any_pieces(stage: Stage):
    worker = await record(stage)
    ways = cuts(b"GET /2" + HOST + b"X: y\r\n\r\nGET /" + HOST + b"X : y\r\n\r\nGET /" + HOST)
    for way in ways:
        client = await stage.connect()
        await send_apart(client, way)
        assert (await client.answer())[0] == 200
        assert (await client.answer())[0] == 400
        assert await client.ended()
        await client.stream.aclose()
    assert worker.requests == [HEADS[1]] * len(ways)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [(ANSWER, 200, b"0\r\n\r HTTP/1.1 2"), (BAD_ANSWER, 502, b"")],
    ids=["good", "bad"],
)
async def test_an_answer_may_come_in_any_pieces(stage: Stage, answer, status, body):
    ways = cuts(answer)
    left = iter(ways)

    async def play(peer: Peer) -> None:
        while True:
            await peer.head()
            await send_apart(peer, next(left))

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    for _ in ways:
        await client.send(b"GET /" + HOST + b"\r\n")
        if status == 200:
            assert (await client.head()).startswith(b"HTTP/1.1 103 Hint\r\nA: b\r\n")
        got, fields, content = await client.answer()
        assert (got, "connection" in fields) == (status, False)
        assert content == body or status == 502
