"""A proxy that leaves hands its clients on; they notice nothing."""

import socket
from contextlib import asynccontextmanager

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, open_stage, request

from webqx_supervisor.model.link import HandedClient, Inherit, Leave
from webqx_supervisor.proxy.handover import AT_ONCE


class Succession:
    """Two proxies: `old` is to leave, `new` to go on; both serve from the same worker."""

    def __init__(self, old: Stage, new: Stage) -> None:
        self.old = old
        self.new = new

    async def host(self, script) -> None:
        worker = await self.old.upstream(script)
        for stage in (self.old, self.new):
            await stage.apply(worker)

    async def happens(self) -> None:
        """Have the old one told to leave, and the new one to inherit."""
        leaving, following = socket.socketpair()
        with leaving, following:
            await self.new.link.send(Inherit(), [following.fileno()])
            await self.old.link.send(Leave(20, heir=True), [leaving.fileno()])

    async def is_over(self) -> None:
        with trio.fail_after(20):
            await self.old.has_left.wait()


@asynccontextmanager
async def opened(folder):
    for name in ("old", "new"):
        (folder / name).mkdir()
    async with open_stage(folder / "old") as old, open_stage(folder / "new") as new:
        yield Succession(old, new)


@pytest.fixture
async def succession(tmp_path):
    async with opened(tmp_path) as succession:
        yield succession


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
    clients = [await succession.old.connect() for _ in range(3 * AT_ONCE + 5)]
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
