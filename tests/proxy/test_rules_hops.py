"""What concerns one hop, rule by rule: Connection, Upgrade, Via, Expect, how connections end."""

import socket

import pytest
from helpers import auntil
from octets import forwarded, record
from stage import Peer, Stage, ok

from webqx_supervisor.model.gateway import Limits

GET = b"GET / HTTP/1.1\r\nHost: example.org\r\n"
POST = b"POST / HTTP/1.1\r\nHost: example.org\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: example.org\r\n\r\n"
NEXT_FORWARDED = forwarded("GET /next HTTP/1.1")
WAITING_POST = POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
WAITING_FORWARDED = forwarded("POST / HTTP/1.1", "Content-Length: 4", "Expect: 100-continue")

DROPPED = {
    "keep-alive": [b"Keep-Alive: timeout=5"],
    "proxy-connection": [b"Proxy-Connection: keep-alive"],
    "te": [b"TE: trailers, deflate"],
    "trailer": [b"Trailer: Expires"],
    "proxy-authorization": [b"Proxy-Authorization: Basic YTpi"],
    "connection": [b"Connection: keep-alive"],
    "nominated": [b"Connection: X-Hop, x-other", b"X-Hop: 1", b"x-OTHER: 2"],
    "nominated-in-two-fields": [b"Connection: a", b"A: 1", b"Connection: b", b"B: 2"],
    "nominated-after-empty-elements": [b"Connection: , ,a ,", b"A: 1"],
    "nominated-own-address": [b"Connection: X-Real-IP, Via"],
    "nominated-absent": [b"Connection: absent"],
    "upgrade-unknown": [b"Connection: upgrade", b"Upgrade: irc/1"],
    "upgrade-h2c": [
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    ],
    "upgrade-list": [b"Connection: upgrade", b"Upgrade: websocket, h2c"],
    "upgrade-twice": [b"Connection: upgrade", b"Upgrade: h2c", b"Upgrade: websocket"],
    "upgrade-not-nominated": [b"Upgrade: websocket"],
    "upgrade-nothing": [b"Connection: upgrade"],
}


@pytest.mark.parametrize("fields", DROPPED.values(), ids=DROPPED)
async def test_a_field_of_this_hop_goes_no_further(stage: Stage, fields: list[bytes]):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(GET + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + NEXT)
    for _ in range(2):
        assert (await client.answer())[0] == 200
    assert worker.requests == [forwarded("GET / HTTP/1.1"), NEXT_FORWARDED]
    assert worker.connections == 1


NOT_NOMINABLE = [
    *("Host", "Content-Length", "Content-Type", "Authorization", "Cookie", "Forwarded"),
    *("X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id", "Traceparent"),
]
BAD_LISTS = {
    "two-words": "a b",
    "quoted": '"a"',
    "semicolon": "a;b",
    "8-bit": "\xe4",
    "slash": "a/b",
}


@pytest.mark.parametrize(
    "value", [*NOT_NOMINABLE, *BAD_LISTS.values()], ids=[*NOT_NOMINABLE, *BAD_LISTS]
)
async def test_a_connection_field_that_lists_what_it_must_not_is_refused(stage: Stage, value: str):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(GET + b"Connection: close, %b\r\n\r\n" % value.encode("latin-1") + NEXT)
    assert (await client.answer())[0] == 400
    assert await client.ended()
    assert worker.connections == 0


UPGRADE = b"Connection: Upgrade\r\nUpgrade: WebSocket\r\n"
UPGRADED = forwarded("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: websocket")


async def test_a_websocket_is_asked_for_in_due_form(stage: Stage):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(GET + UPGRADE + b"\r\n")
    assert (await client.answer())[0] == 200
    await client.send(NEXT)
    assert (await client.answer())[0] == 200
    assert worker.requests == [UPGRADED, NEXT_FORWARDED]
    assert worker.connections == 1


@pytest.mark.parametrize(
    ("start", "passed"),
    [
        (POST, forwarded("POST / HTTP/1.1", "Content-Length: 0")),
        (b"GET / HTTP/1.0\r\nHost: example.org\r\n", forwarded("GET / HTTP/1.1", via="1.0")),
        (
            GET + b"Transfer-Encoding: chunked\r\n",
            forwarded("GET / HTTP/1.1", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        ),
    ],
    ids=["post", "http-1.0", "with-body"],
)
async def test_a_websocket_that_is_not_asked_for_in_due_form_is_not_asked_for(stage, start, passed):
    worker = await record(stage)
    assert (await stage.ask(start + UPGRADE + b"\r\n0\r\n\r\n"))[0] == 200
    assert worker.requests == [passed]


async def test_what_a_client_sends_behind_an_upgrade_waits_for_the_answer(stage: Stage):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(GET + UPGRADE + b"\r\n" + NEXT)
    assert (await client.answer())[0] == 200
    assert (await client.answer())[0] == 200
    assert worker.requests == [UPGRADED, NEXT_FORWARDED]


async def test_via_is_added_to_what_was_there(stage: Stage):
    worker = await record(stage)
    assert (await stage.ask(GET + b"Via: 1.0 fred, 1.1 webqx-sv\r\n\r\n"))[0] == 200
    assert worker.requests == [forwarded("GET / HTTP/1.1", "Via: 1.0 fred, 1.1 webqx-sv")]


@pytest.mark.parametrize(
    "via", [b"Via: 1.1 webqx-sv, 1.1 webqx-sv", b"Via: 1.1 webqx-sv\r\nvia: 1.0 WEBQX-SV (x)"]
)
async def test_a_request_that_runs_in_a_circle_is_a_508(stage: Stage, via: bytes):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(GET + via + b"\r\n\r\n")
    assert (await client.answer())[0] == 508
    await client.send(NEXT)
    assert (await client.answer())[0] == 200
    assert worker.requests == [NEXT_FORWARDED]


async def test_a_client_that_waits_for_100_continue_gets_it_from_the_worker(stage: Stage):
    async def play(peer: Peer) -> None:
        assert await peer.head() == WAITING_FORWARDED
        await peer.send(b"HTTP/1.1 100 Go on\r\nX-Ignored: 1\r\n\r\n")
        await peer.send(ok(await peer.exactly(4)))
        assert await peer.head() == NEXT_FORWARDED
        await peer.send(ok(b"next"))

    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(WAITING_POST)
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"body" + NEXT)
    assert (await client.answer())[2] == b"body"
    assert (await client.answer())[2] == b"next"
    assert worker.connections == 1


async def test_a_client_that_waits_for_nothing_gets_100_continue_once_from_the_proxy(stage: Stage):
    async def play(peer: Peer) -> None:
        assert await peer.head() == WAITING_FORWARDED
        body = await peer.exactly(4)
        await peer.send(b"HTTP/1.1 100 Too late\r\n\r\n" + ok(body))

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(WAITING_POST)
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"body")
    assert (await client.answer())[2] == b"body"


async def test_expect_is_not_forwarded_when_the_body_has_begun(stage: Stage):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(WAITING_POST + b"body" + NEXT)
    assert (await client.answer())[0] == 200
    assert (await client.answer())[0] == 200
    assert worker.requests == [
        forwarded("POST / HTTP/1.1", "Content-Length: 4", body=b"body"),
        NEXT_FORWARDED,
    ]


async def test_a_final_answer_instead_of_100_continue_makes_no_later_octet_a_request(stage: Stage):
    worker = await stage.upstream(refuse)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(WAITING_POST)
    status, fields, _ = await client.answer()
    assert (status, fields["connection"]) == (401, "close")
    await client.send(NEXT)
    assert await client.ended()
    assert (await stage.ask(NEXT))[0] == 401
    assert worker.connections == 2


async def refuse(peer: Peer) -> None:
    await peer.head()
    await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
    await peer.ended()


async def test_a_body_over_the_limit_is_refused_before_100_continue(stage: Stage):
    stage.limits = Limits(max_body=3)
    worker = await record(stage)
    client = await stage.connect()
    await client.send(WAITING_POST)
    status, fields, _ = await client.answer()
    assert (status, fields["connection"]) == (413, "close")
    assert await client.ended()
    assert worker.connections == 0


async def test_pipelined_requests_are_served_one_after_the_other(stage: Stage):
    worker = await record(stage)
    client = await stage.connect()
    count = 200
    pieces = [b"GET /%d HTTP/1.1\r\nHost: example.org\r\n\r\n" % number for number in range(count)]
    await client.send(b"".join(pieces))
    for _ in range(count):
        assert (await client.answer())[0] == 200
    assert worker.requests == [forwarded(f"GET /{number} HTTP/1.1") for number in range(count)]
    assert worker.connections == 1


async def test_who_pipelines_keeps_nobody_else_from_their_turn(stage: Stage):
    await stage.apply(expecting=False)  # so each request is answered at once, here
    address, count = ("127.0.0.1", stage.port), 200
    with socket.create_connection(address) as greedy, socket.create_connection(address) as modest:
        greedy.sendall(b"GET /greedy HTTP/1.1\r\nHost: a\r\n\r\n" * count)
        modest.sendall(b"GET /modest HTTP/1.1\r\nHost: a\r\n\r\n")
        await auntil(lambda: stage.proxy.gateway.requests == count + 1)
    before = [line for line in stage.log_lines() if "/modest" in line or "/greedy" in line]
    assert "/modest" in "".join(before[:10])


async def test_nothing_is_served_behind_a_request_that_is_refused(stage: Stage):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(NEXT + b"GET / HTTP/1.1\r\n\r\n" + NEXT)
    assert (await client.answer())[0] == 200
    assert (await client.answer())[0] == 400
    assert await client.ended()
    assert worker.requests == [NEXT_FORWARDED]


async def test_nothing_is_served_behind_connection_close(stage: Stage):
    worker = await record(stage)
    client = await stage.connect()
    await client.send(GET + b"Connection: Close\r\n\r\n" + NEXT)
    assert (await client.answer())[1]["connection"] == "close"
    assert await client.ended()
    assert worker.requests == [forwarded("GET / HTTP/1.1")]


@pytest.mark.parametrize("field", [b"Content-Length: 10000000", b"Transfer-Encoding: chunked"])
async def test_a_413_can_be_read_while_the_body_is_still_being_sent(stage: Stage, field: bytes):
    stage.limits = Limits(max_body=1000)
    worker = await record(stage)
    client = await stage.connect()
    piece = b"%x\r\n%b\r\n" % (5000, b"x" * 5000)
    await client.send(POST + field + b"\r\n\r\n" + piece * 3)
    status, fields, _ = await client.answer()
    assert (status, fields["connection"]) == (413, "close")
    await client.send(piece * 3)  # into a connection that still takes it
    assert await client.ended()
    assert worker.connections == 0


async def test_an_early_answer_of_a_worker_ends_both_connections(stage: Stage):
    worker = await stage.upstream(refuse)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(POST + b"Content-Length: 1000\r\n\r\nsome")
    status, fields, _ = await client.answer()
    assert (status, fields["connection"]) == (401, "close")
    await client.send(b"x" * 996 + NEXT)
    assert await client.ended()
    live = stage.proxy.gateway.upstreams.all()[0]
    await auntil(lambda: not live.in_flight)
    assert len(live.pool) == 0
