"""proxy/introduction.py: a connection of a trusted proxy begins with a PROXY header."""

import socket
import struct

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, request

from webqx_supervisor.core.wire.proxyline import SIGNATURE
from webqx_supervisor.model.clients import ProxyProtocol, Trust
from webqx_supervisor.model.filters import Access
from webqx_supervisor.model.gateway import Limits, Protocol

TRUST = Trust(("127.0.0.1", "203.0.113.0/24"), proxy_protocol=ProxyProtocol.TRUSTED)
V1 = b"PROXY TCP4 198.51.100.7 10.0.0.1 4711 80\r\n"
BLOCK = socket.inet_aton("198.51.100.7") + socket.inet_aton("10.0.0.1") + struct.pack(">HH", 1, 2)
V2 = SIGNATURE + b"\x21\x11" + struct.pack(">H", len(BLOCK) + 6) + BLOCK + b"\x04\x00\x03abc"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


async def hosts(stage: Stage, script=echo) -> None:
    stage.trust = TRUST
    await stage.apply(await stage.upstream(script))


async def said_to_worker(client: Peer) -> bytes:
    status, _, body = await client.answer()
    assert status == 200
    return body


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
async def test_the_client_is_whom_the_header_names_for_all_its_requests(stage: Stage, header):
    await hosts(stage)
    client = await stage.connect()
    await client.send(header + request("GET", "/", "X-Forwarded-For: 1.1.1.1"))
    first = await said_to_worker(client)
    await client.send(request())
    for got in (first, await said_to_worker(client)):
        assert b"X-Forwarded-For: 198.51.100.7\r\n" in got
        assert b"X-Real-IP: 198.51.100.7\r\n" in got
    assert all(" 198.51.100.7 GET " in line for line in stage.log_lines())


@pytest.mark.parametrize("header", [V1, V2], ids=["v1", "v2"])
async def test_it_may_come_octet_by_octet(stage: Stage, header):
    await hosts(stage)
    client = await stage.connect()
    clients = stage.proxy.gateway.clients
    for end in range(1, len(header)):
        await client.send(header[end - 1 : end])
        await auntil(lambda end=end: next(iter(clients)).ahead == header[:end])
    await client.send(header[-1:] + request())
    assert b"X-Real-IP: 198.51.100.7\r\n" in await said_to_worker(client)


async def test_whom_it_names_may_be_a_trusted_proxy_whose_fields_are_believed(stage: Stage):
    await hosts(stage)
    client = await stage.connect()
    header = V1.replace(b"198.51.100.7", b"203.0.113.1")
    await client.send(header + request("GET", "/", "X-Forwarded-For: 198.51.100.9"))
    got = await said_to_worker(client)
    assert b"X-Forwarded-For: 198.51.100.9, 203.0.113.1\r\n" in got
    assert b"X-Real-IP: 198.51.100.9\r\n" in got


@pytest.mark.parametrize(
    ("header", "believed"),
    [(LOCAL, True), (b"PROXY UNKNOWN\r\n", False), (LOCAL.replace(b"\x20", b"\x21", 1), False)],
    ids=["local", "unknown", "unspec"],
)
async def test_who_names_nobody_has_the_address_of_the_proxy_but_not_its_word(
    stage: Stage, header, believed
):
    await hosts(stage)
    client = await stage.connect()
    await client.send(header + request("GET", "/", "X-Forwarded-For: 198.51.100.9"))
    got = await said_to_worker(client)
    assert (b"X-Real-IP: 198.51.100.9\r\n" in got) is believed
    assert (b"X-Real-IP: 127.0.0.1\r\n" in got) is not believed


async def test_a_trusted_proxy_without_a_header_is_refused(stage: Stage):
    await hosts(stage)
    client = await stage.connect()
    await client.send(request())
    assert (await client.answer())[0] == 400
    assert await client.ended()
    assert "a PROXY header is expected here" in stage.log_lines()[0]


async def test_anybody_else_is_a_client_as_usual_and_its_header_is_refused(stage: Stage):
    await hosts(stage)
    client = await stage.connect("127.0.0.2")
    await client.send(request())
    assert b"X-Real-IP: 127.0.0.2\r\n" in await said_to_worker(client)
    await client.send(V1 + request())
    assert (await client.answer())[0] == 400


async def test_the_header_must_come_in_time(stage: Stage):
    stage.limits = Limits(head_timeout=0.2)
    await hosts(stage)
    client = await stage.connect()
    await client.send(V1[:10])
    assert (await client.answer())[0] == 408


async def test_who_connects_only_to_see_whether_somebody_is_there_leaves_no_trace(stage: Stage):
    await hosts(stage)
    client = await stage.connect()
    await client.stream.aclose()
    await auntil(lambda: not stage.proxy.gateway.clients)
    assert stage.log_lines() == []


async def test_the_limit_of_one_client_counts_whom_the_header_names(stage: Stage):
    stage.limits = Limits(max_connections_per_client=1)
    await hosts(stage)
    first, second, third = [await stage.connect() for _ in range(3)]
    await first.send(V1 + request())
    assert (await first.answer())[0] == 200
    await second.send(V1.replace(b".7 ", b".8 ") + request())
    assert (await second.answer())[0] == 200
    await third.send(V1 + request())
    assert (await third.answer())[0] == 429
    await third.ended()
    await first.stream.aclose()
    await auntil(lambda: len(stage.proxy.gateway.clients) == 1)
    fourth = await stage.connect()
    await fourth.send(V1 + request())
    assert (await fourth.answer())[0] == 200


async def hosts_tcp(stage: Stage, **filters: object) -> None:
    async def shout(peer: Peer) -> None:
        while True:
            await peer.send((await peer.until(b"\n")).upper())

    stage.protocol = Protocol.TCP
    stage.filter(**filters)
    await hosts(stage, shout)


async def test_tcp_begins_with_it_too_and_the_worker_does_not_see_it(stage: Stage):
    await hosts_tcp(stage)
    client = await stage.connect()
    await client.send(V2 + b"hello\n")
    assert await client.until(b"\n") == b"HELLO\n"
    await client.stream.send_eof()
    await auntil(stage.log_lines)
    assert " 198.51.100.7 TCP " in stage.log_lines()[0]


async def test_garbage_over_tcp_is_reset(stage: Stage):
    await hosts_tcp(stage)
    client = await stage.connect()
    await client.send(b"hello\n")
    assert await client.ended()
    await auntil(stage.log_lines)
    assert "a PROXY header is expected here" in stage.log_lines()[0]


async def test_a_list_of_addresses_holds_over_tcp(stage: Stage):
    await hosts_tcp(stage, access=Access(deny=("198.51.100.7",)))
    client = await stage.connect()
    await client.send(V1 + b"hello\n")
    assert await client.ended()
    await auntil(stage.log_lines)
    assert "this address may not connect here" in stage.log_lines()[0]
    client = await stage.connect()
    await client.send(V1.replace(b".7 ", b".8 ") + b"hello\n")
    assert await client.until(b"\n") == b"HELLO\n"


@pytest.mark.parametrize(
    ("header", "seen", "address"),
    [(V1, len(V1), "198.51.100.7"), (V1, 20, "198.51.100.7"), (b"PROXY UNKNOWN\r\n", 15, None)],
    ids=["whole", "half", "nameless"],
)
async def test_the_proxy_that_follows_knows_what_the_header_said(succession, header, seen, address):
    old = succession.old
    old.trust = succession.new.trust = TRUST
    await succession.host(echo)
    client = await old.connect()
    await client.send(header[:seen])
    clients = old.proxy.gateway.clients
    if seen < len(header):
        await auntil(lambda: clients and next(iter(clients)).ahead)
    else:
        await client.send(request())
        await client.answer()
    await succession.happens()
    await succession.is_over()
    await client.send(header[seen:] + request("GET", "/", "X-Forwarded-For: 1.1.1.1"))
    got = await said_to_worker(client)
    assert f"X-Forwarded-For: {address or '127.0.0.1'}\r\n".encode() in got
    assert len(succession.new.log_lines()) == 1


async def test_so_does_the_one_that_goes_on_with_an_event_stream(succession):
    go_on = trio.Event()

    async def streams(peer: Peer) -> None:
        await peer.head()
        kind = b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        await peer.send(b"HTTP/1.1 200 OK\r\n" + kind + b"1\r\n\n\r\n")
        await go_on.wait()
        await peer.send(b"0\r\n\r\n")
        await echo(peer)

    succession.old.trust = succession.new.trust = TRUST
    await succession.host(streams)
    client = await succession.old.connect()
    header = V1.replace(b"198.51.100.7", b"203.0.113.1")
    await client.send(header + request("GET", "/", "X-Forwarded-For: 198.51.100.9"))
    await client.until(b"1\r\n\n\r\n")
    await succession.happens()
    await succession.is_over()
    go_on.set()
    await client.until(b"0\r\n\r\n")
    await client.send(request("GET", "/", "X-Forwarded-For: 198.51.100.8"))
    got = await said_to_worker(client)
    assert b"X-Forwarded-For: 198.51.100.8, 203.0.113.1\r\n" in got
    first, second = succession.new.log_lines()
    assert " 198.51.100.9 GET " in first
    assert " 198.51.100.8 GET " in second


async def test_a_websocket_that_is_handed_on_is_known_by_its_client(succession):
    async def switches(peer: Peer) -> None:
        await peer.head()
        await peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        await peer.rest()

    succession.old.trust = succession.new.trust = Trust(("127.0.0.1",))
    await succession.host(switches)
    client = await succession.old.connect()
    upgrade = ("Connection: upgrade", "Upgrade: websocket", "X-Forwarded-For: 198.51.100.9")
    await client.send(request("GET", "/ws", *upgrade))
    await client.head()
    await succession.happens()
    await succession.is_over()
    await client.stream.aclose()
    await auntil(succession.new.log_lines)
    assert " 198.51.100.9 GET /ws 101 " in succession.new.log_lines()[0]
