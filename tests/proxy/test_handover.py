"""A proxy that leaves hands its clients on; they notice nothing."""

import socket

import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.model.gateway import Protocol
from webqx_supervisor.model.link import Busy, HandedClient, Idle, Leave


async def test_one_between_two_requests_goes_on_with_the_new_proxy(succession):
    await succession.host(echo)
    client = await succession.old.connect()
    await client.send(request())
    status, fields, _ = await client.answer()
    assert (status, "connection" in fields) == (200, False)
    await succession.happens()
    await succession.is_over()
    await client.send(request(path="/later"))
    assert (await client.answer())[0] == 200
    assert "/later" in succession.new.log_lines()[-1]


async def test_so_does_one_who_has_asked_for_nothing_yet(succession):
    await succession.host(echo)
    client = await succession.old.connect()
    await auntil(lambda: succession.old.proxy.gateway.clients)
    await succession.happens()
    await succession.is_over()
    await client.send(request())
    assert (await client.answer())[0] == 200


async def test_and_one_whose_request_has_begun(succession):
    await succession.host(echo)
    client = await succession.old.connect()
    whole = request(path="/in-pieces")
    await client.send(whole[:10])
    clients = succession.old.proxy.gateway.clients
    await auntil(lambda: clients and next(iter(clients)).ahead == whole[:10])
    await client.send(whole[10:20])
    await auntil(lambda: next(iter(clients)).ahead == whole[:20])
    await succession.happens()
    await succession.is_over()
    await client.send(whole[20:])
    assert (await client.answer())[0] == 200
    assert "/in-pieces" in succession.new.log_lines()[-1]


async def test_what_is_in_flight_ends_in_the_old_one_and_pipelined_requests_in_the_new(succession):
    asked, go = trio.Event(), trio.Event()

    async def slow(peer: Peer) -> None:
        while True:
            await peer.head()
            asked.set()
            await go.wait()
            await peer.send(ok())

    await succession.host(slow)
    client = await succession.old.connect()
    await client.send(request(path="/first") + request(path="/second"))
    await asked.wait()
    await succession.happens()
    await auntil(lambda: succession.old.proxy.gateway.heir is not None)
    go.set()
    for _ in range(2):
        status, fields, _ = await client.answer()
        assert (status, "connection" in fields) == (200, False)
    await succession.is_over()
    assert "/first" in succession.old.log_lines()[-1]
    assert "/second" in succession.new.log_lines()[-1]


async def test_many_are_handed_on_whole(succession):
    await succession.host(echo)
    clients = [await succession.old.connect() for _ in range(150)]
    await auntil(lambda: len(succession.old.proxy.gateway.clients) == len(clients))
    await succession.happens()
    await succession.is_over()
    for number, client in enumerate(clients):
        await client.send(request(path=f"/{number}"))
        assert (await client.answer())[0] == 200


async def test_one_that_has_had_its_last_answer_is_not_handed_on(succession):
    await succession.host(echo)
    client = await succession.old.connect()
    await client.send(request("GET", "/", "Connection: close"))
    await client.answer()
    await succession.happens()
    assert await client.ended()
    await succession.is_over()
    assert not succession.new.proxy.gateway.clients


async def test_without_an_heir_that_lives_connections_are_closed(succession):
    await succession.host(echo)
    client = await succession.old.connect()
    await client.send(request())
    await client.answer()
    leaving, following = socket.socketpair()
    following.close()
    with leaving:
        await succession.old.link.send(Leave(20, heir=True), [leaving.fileno()])
    assert await client.ended()
    await succession.is_over()


async def test_a_listener_that_is_gone_keeps_its_clients(succession):
    await succession.host(echo)
    theirs, ours = socket.socketpair()
    ours.setblocking(False)
    succession.new.proxy._doors.adopt(HandedClient("gone", "10.0.0.9"), ours)
    with theirs:
        peer = Peer(trio.SocketStream(trio.socket.from_stdlib_socket(theirs)))
        await peer.send(request())
        assert (await peer.answer())[0] == 404  # no route leads on from there


async def talks(peer: Peer) -> None:
    """Play a worker that becomes a WebSocket, then echoes octets, whatever frames they make."""
    await peer.head()
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    await peer.send(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade)
    await echoes(peer)


async def echoes(peer: Peer) -> None:
    while data := await peer.stream.receive_some(65536):
        await peer.send(bytes(data))


FRAME = b"\x81\x05hello"


async def websocket(stage: Stage) -> Peer:
    client = await stage.connect()
    await client.send(request("GET", "/ws", "Connection: upgrade", "Upgrade: websocket"))
    assert b" 101 " in await client.head()
    return client


async def test_a_websocket_goes_on_with_the_new_proxy(succession):
    await succession.host(talks)
    client = await websocket(succession.old)
    await client.send(FRAME)
    assert await client.exactly(len(FRAME)) == FRAME
    await succession.happens()
    await succession.is_over()
    assert [each.in_flight for each in succession.new.proxy.gateway.upstreams.all()] == [1]
    await client.send(FRAME)
    assert await client.exactly(len(FRAME)) == FRAME
    await client.stream.send_eof()
    assert await client.rest() == b""
    await auntil(lambda: not succession.new.proxy.gateway.clients)
    assert [each.in_flight for each in succession.new.proxy.gateway.upstreams.all()] == [0]
    old, new = succession.old.log_lines()[-1], succession.new.log_lines()[-1]
    assert "GET /ws 101" in old
    assert "handed on" in old
    assert "GET /ws 101" in new


async def test_one_in_the_middle_of_a_frame_is_known_to_be_so(succession):
    await succession.host(talks)
    client = await websocket(succession.old)
    await client.send(FRAME[:4])
    assert await client.exactly(4) == FRAME[:4]
    await succession.happens()
    await succession.is_over()
    (live,) = succession.new.proxy.gateway.upstreams.all()
    live.close_endless(1012)
    await client.send(FRAME[4:])  # only now there is room for a Close, ours or its echo
    assert await client.exactly(4) == FRAME[4:] + b"\x88"


async def test_a_tcp_tunnel_goes_on_as_well(succession):
    for stage in (succession.old, succession.new):
        stage.protocol = Protocol.TCP
    await succession.host(echoes)
    client = await succession.old.connect()
    await client.send(b"one")
    assert await client.exactly(3) == b"one"
    await succession.happens()
    await succession.is_over()
    await client.send(b"two")
    assert await client.exactly(3) == b"two"


async def test_a_half_closed_tunnel_ends_where_it_is(succession):
    go = trio.Event()

    async def answers_late(peer: Peer) -> None:
        await peer.rest()
        await go.wait()
        await peer.send(b"late")

    for stage in (succession.old, succession.new):
        stage.protocol = Protocol.TCP
    await succession.host(answers_late)
    client = await succession.old.connect()
    await client.stream.send_eof()
    await auntil(lambda: succession.old.proxy.gateway.upstreams.all()[0].in_flight)
    await succession.happens()
    await auntil(lambda: succession.old.proxy.gateway.heir is not None)
    go.set()
    assert await client.rest() == b"late"
    await succession.is_over()
    assert not succession.new.proxy.gateway.clients


async def test_the_daemon_hears_that_a_draining_worker_is_busy_after_all(succession):
    worker = await succession.old.upstream(talks)
    for stage in (succession.old, succession.new):
        await stage.apply(worker)
    client = await websocket(succession.old)
    for stage in (succession.old, succession.new):
        await stage.apply(draining=[worker])
    await succession.new.hears(Idle((worker.model.id,)))
    assert not [each for each in succession.old.said if isinstance(each, Idle)]
    await succession.happens()
    await succession.new.hears(Busy((worker.model.id,)))
    await succession.is_over()
    await client.send(FRAME)
    assert await client.exactly(len(FRAME)) == FRAME
