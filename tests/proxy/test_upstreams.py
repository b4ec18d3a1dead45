import pytest
import trio
from helpers import auntil
from stage import SECONDS, Stage, echo, ok, request

from webqx_supervisor.core.wire.websocket import CloseCode, close_frame
from webqx_supervisor.model.gateway import Forwarding
from webqx_supervisor.model.link import Idle, Leave


async def parked(stage: Stage, count: int) -> None:
    await auntil(lambda: len(stage.proxy.gateway.upstreams.group("api").waiting) == count)


async def test_a_request_waits_for_the_worker_that_is_expected(stage: Stage):
    await stage.apply()
    client = await stage.connect()
    await client.send(request("POST", body=b"waited"))
    await parked(stage, 1)
    await stage.apply(await stage.upstream(echo))
    assert (await client.answer())[2].endswith(b"waited")


async def test_when_none_is_expected_the_reason_is_given_at_once(stage: Stage):
    await stage.apply(expecting=False, reason="api is stopped")
    status, fields, body = await stage.ask(request())
    assert status == 503
    assert b"api is stopped" in body
    assert fields["x-request-id"]


async def test_those_who_wait_are_told_when_nobody_is_expected_any_more(stage: Stage):
    await stage.apply()
    client = await stage.connect()
    await client.send(request())
    await parked(stage, 1)
    await stage.apply(expecting=False, reason="gave up")
    assert b"gave up" in (await client.answer())[2]


async def test_no_more_wait_than_the_queue_holds(stage: Stage):
    stage.forwarding = Forwarding(queue_size=2)
    await stage.apply()
    clients = [await stage.connect() for _ in range(2)]
    for client in clients:
        await client.send(request())
    await parked(stage, 2)
    status, _, body = await stage.ask(request())
    assert status == 503
    assert b"too many" in body
    await stage.apply(await stage.upstream(echo))
    for client in clients:
        assert (await client.answer())[0] == 200


async def test_nobody_waits_longer_than_the_queue_allows(stage: Stage):
    stage.forwarding = Forwarding(queue_timeout=0.2)
    await stage.apply()
    status, _, body = await stage.ask(request())
    assert status == 503
    assert b"in time" in body


async def test_a_draining_worker_gets_nothing_new_and_is_idle_when_its_last_exchange_ends(stage):
    go_on = trio.Event()

    async def slow(peer):
        await peer.head()
        await go_on.wait()
        await peer.send(ok(b"old"))
        await peer.rest()

    old, new = await stage.upstream(slow, "1"), await stage.upstream(echo, "2")
    await stage.apply(old)
    client = await stage.connect()
    await client.send(request())
    await auntil(lambda: stage.proxy.gateway.upstreams.all()[0].in_flight)
    await stage.apply(new, draining=[old])
    assert Idle((old.model.id,)) not in stage.said
    for _ in range(3):
        assert (await stage.ask(request()))[2].startswith(b"GET")
    go_on.set()
    assert (await client.answer())[2] == b"old"
    await stage.hears(Idle((old.model.id,)))


async def test_a_draining_worker_with_nothing_in_flight_is_idle_at_once_and_disconnected(stage):
    hung_up = trio.Event()

    async def watched(peer):
        await peer.head()
        await peer.send(ok())
        await peer.rest()
        hung_up.set()

    old = await stage.upstream(watched)
    await stage.apply(old)
    await stage.ask(request())
    await stage.apply(draining=[old])
    await stage.hears(Idle((old.model.id,)))
    with trio.fail_after(5):
        await hung_up.wait()


@pytest.mark.parametrize("restored", ["at once", "later"])
async def test_a_worker_that_refused_is_tried_again(stage: Stage, restored):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    worker.kill()
    await auntil(lambda: not worker.accepts())
    client = await stage.connect()
    await client.send(request())
    await parked(stage, 1)
    await stage.revive(worker, echo)
    if restored == "at once":
        await stage.apply(worker)
    assert (await client.answer())[0] == 200


async def test_a_service_that_disappears_refuses_who_waits_for_it(stage: Stage):
    await stage.apply()
    client = await stage.connect()
    await client.send(request())
    await parked(stage, 1)
    await stage.apply_without_groups()
    status, _, body = await client.answer()
    assert status == 503
    assert b"gone" in body


@pytest.mark.parametrize("leaving", [False, True])
async def test_closing_ends_what_has_no_end_and_lets_the_rest_finish(stage: Stage, leaving):
    release = trio.Event()

    async def worker(peer):
        path = (await peer.head()).split(b" ")[1]
        if path == b"/events":
            stream = b"Content-Type: text/event-stream\r\n\r\ndata: 1\n\n"
            await peer.send(b"HTTP/1.1 200 OK\r\n" + stream)
        elif path == b"/ws":
            upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
            await peer.send(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade)
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            await release.wait()
            await peer.send(b"half")
        await peer.rest()

    upstream = await stage.upstream(worker)
    await stage.apply(upstream)
    events, websocket, finite = [await stage.connect() for _ in range(3)]
    await events.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    await events.until(b"data: 1\n\n\r\n")
    await websocket.send(
        b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    await websocket.head()
    await finite.send(b"GET /finite HTTP/1.1\r\nHost: a\r\n\r\n")
    await finite.until(b"half")
    if leaving:
        await stage.link.send(Leave(SECONDS))
    else:
        await stage.apply(closing=[upstream])
    assert await events.rest() == b""
    code = CloseCode.SERVICE_RESTART if leaving else CloseCode.GOING_AWAY
    assert await websocket.rest() == close_frame(code, masked=False)
    release.set()
    assert await finite.exactly(4) == b"half"
    if not leaving:
        await stage.hears(Idle((upstream.model.id,)))
