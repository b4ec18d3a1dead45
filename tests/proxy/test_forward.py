import socket
from contextlib import ExitStack

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.model.gateway import Forwarding


async def dies(peer: Peer) -> None:
    """Play a worker that takes the request and dies."""
    await peer.head()


async def test_requests_go_round_among_the_workers(stage: Stage):
    workers = [await stage.upstream(echo, str(number)) for number in range(3)]
    await stage.apply(*workers)
    for _ in range(6):
        assert (await stage.ask(request()))[0] == 200
    live = stage.proxy.gateway.upstreams.all()
    assert [each.answered for each in live] == [2, 2, 2]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_an_idempotent_request_goes_to_another_worker_when_the_first_dies(stage, method):
    await stage.apply(await stage.upstream(dies, "1"), await stage.upstream(echo, "2"))
    for _ in range(4):
        assert (await stage.ask(request(method)))[0] == 200
    assert any(" 1 -" in line for line in stage.log_lines())


@pytest.mark.parametrize("method", ["POST", "PATCH", "NEW"])
async def test_a_request_that_may_have_had_effects_is_not_repeated(stage: Stage, method):
    other = await stage.upstream(echo, "2")
    await stage.apply(await stage.upstream(dies, "1"), other)
    answers = [(await stage.ask(request(method, body=b"x")))[::2] for _ in range(2)]
    status, body = next(answer for answer in answers if answer[0] != 200)
    assert status == 502
    assert b"worker api:1@1: closed the connection without an answer" in body
    assert other.connections == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_any_request_goes_elsewhere_when_a_worker_does_not_accept(stage: Stage, method):
    dead, alive = await stage.upstream(echo, "1"), await stage.upstream(echo, "2")
    await stage.apply(dead, alive)
    dead.kill()
    await auntil(lambda: not dead.accepts())
    for _ in range(4):
        assert (await stage.ask(request(method, body=b"x")))[0] == 200


async def test_a_put_with_its_body_is_repeated_whole(stage: Stage):
    await stage.apply(await stage.upstream(dies, "1"), await stage.upstream(echo, "2"))
    client = await stage.connect()
    for _ in range(2):
        await client.send(request("PUT", "/", "Content-Length: 6") + b"abc")
        await client.send(b"def")
        assert (await client.answer())[2].endswith(b"\r\n\r\nabcdef")


async def test_a_body_too_large_to_keep_is_not_repeated(stage: Stage):
    async def dies_late(peer):
        await peer.head()
        await peer.exactly(200_000)

    await stage.apply(await stage.upstream(dies_late, "1"), await stage.upstream(dies_late, "2"))
    assert (await stage.ask(request("PUT", body=bytes(200_000))))[0] == 502


async def test_a_get_does_not_fail_when_the_only_worker_is_killed(stage: Stage):
    killed = trio.Event()

    async def hangs(peer):
        await peer.head()
        killed.set()
        await peer.rest()

    old = await stage.upstream(hangs, "1")
    await stage.apply(old)
    client = await stage.connect()
    await client.send(request())
    await killed.wait()
    old.kill()
    await auntil(lambda: len(stage.proxy.gateway.upstreams.group("api").waiting))
    await stage.apply(await stage.upstream(echo, "2"))
    assert (await client.answer())[0] == 200


async def test_many_idle_connections_to_a_killed_worker_use_up_no_attempts(stage: Stage):
    old = await stage.upstream(echo, "1")
    await stage.apply(old)
    clients = [await stage.connect() for _ in range(20)]
    for client in clients:
        await client.send(request())
    for client in clients:
        assert (await client.answer())[0] == 200
    old.kill()
    for client in clients:
        await client.send(request())
    await stage.apply(await stage.upstream(echo, "2"))
    for client in clients:
        assert (await client.answer())[0] == 200


async def test_a_kept_connection_that_the_worker_closed_is_not_used_for_a_post(stage: Stage):
    async def once(peer):
        await peer.head()
        await peer.exactly(1)
        await peer.send(ok(b"once"))

    worker = await stage.upstream(once)
    await stage.apply(worker)
    for _ in range(5):
        assert (await stage.ask(request("POST", body=b"x")))[2] == b"once"
    assert worker.connections == 5


async def test_a_request_that_kills_every_worker_gives_up(stage: Stage):
    workers = [await stage.upstream(dies, str(number)) for number in range(2)]
    await stage.apply(*workers)
    assert (await stage.ask(request()))[0] == 502
    assert sum(worker.connections for worker in workers) == 10


async def test_a_connect_time_out_counts_as_refused(stage: Stage):
    stage.forwarding = Forwarding(connect_timeout=0.2, queue_timeout=0.5)
    worker = await stage.upstream(echo)
    with socket.socket() as full, ExitStack() as fillers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        worker.move_to(full.getsockname()[1])
        for _ in range(3):  # whoever comes now is not even answered
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", worker.port))
        await stage.apply(worker)
        status, _, body = await stage.ask(request("POST", body=b"x"))
    assert status == 503
    assert b"came up in time" in body
