"""Two proxies in one process, and one worker: what both must agree on."""

import os
import sys
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import trio
from helpers import auntil
from stage import open_stage, request

from webqx_supervisor.model.gateway import Balance, Forwarding, Policy
from webqx_supervisor.model.link import Share
from webqx_supervisor.net.tally import Grid, Tally, create
from webqx_supervisor.proxy import group
from webqx_supervisor.proxy.line import Line

SLOT, QUEUE = 3, 4


class Bells:
    def __init__(self) -> None:
        self.rung = []

    def ring(self, row) -> None:
        self.rung.append(row)


@pytest.fixture
def grid():
    grid = Grid(create())
    grid.name = int.from_bytes(os.urandom(7), "big")
    for slot in (SLOT, QUEUE):
        grid.own_slot(slot, slot)
    for row in range(2):
        grid.own_row(row, 100 + row)
    yield grid
    grid.close()


@pytest.fixture
async def pair(tmp_path, grid):
    """Two stages that count together; the shared worker has slot 3, its queue slot 4."""
    async with AsyncExitStack() as stages:
        pair = []
        for row in range(2):
            folder = tmp_path / str(row)
            folder.mkdir()
            stage = await stages.enter_async_context(open_stage(folder))
            stage.forwarding = Forwarding(max_in_flight=1)
            stage.slot = QUEUE
            await stage.link.send(Share(row), [grid.fd])
            pair.append(stage)
        yield pair


class OneAtATime:
    """A worker that notes when it has two at once; `tokens` let it answer."""

    def __init__(self) -> None:
        self.order = []
        self.now = self.most = 0
        self.tokens = trio.Semaphore(0)

    async def script(self, peer):
        while True:
            head = await peer.head()
            self.now += 1
            self.most = max(self.most, self.now)
            self.order.append(head.split(b" ")[1].decode())
            await self.tokens.acquire()
            self.now -= 1
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def shared(pair, script):
    worker = await pair[0].upstream(script)
    worker.model = replace(worker.model, slot=SLOT)
    for stage in pair:
        await stage.apply(worker)
    return worker


def waiting(stage):
    return len(stage.proxy.gateway.upstreams.group("api").waiting)


async def test_the_oldest_request_is_next_whichever_proxy_has_it(grid):
    bells = Bells()
    lines = [Line(Tally(grid, row), bells, QUEUE) for row in range(2)]
    lines[0].note(10.5)
    assert not lines[1].is_next(10.6)
    assert lines[1].is_next(10.4)
    lines[1].wake_next()
    lines[0].wake_next()
    lines[0].note(0)
    assert lines[1].is_next(99)
    assert bells.rung == [0]


@pytest.mark.skipif(sys.platform != "linux", reason="bells are Linux'")
async def test_two_proxies_keep_the_limit_and_the_order_together(pair):
    play = OneAtATime()
    await shared(pair, play.script)
    clients, paths = [], [f"/{number}" for number in range(8)]
    for number, path in enumerate(paths):
        stage = pair[number % 2]
        client = await stage.connect()
        await client.send(request("GET", path))
        if number == 0:
            await auntil(lambda: play.order)
        else:
            await auntil(lambda now=number: sum(waiting(each) for each in pair) == now)
        clients.append(client)
    for client in clients:
        play.tokens.release()
        assert (await client.answer())[0] == 200
    assert play.order == paths
    assert play.most == 1


async def test_what_a_dead_proxy_held_is_found_free_without_a_bell(pair, grid):
    play = OneAtATime()
    await shared(pair, play.script)
    grid.put(1, SLOT, 1)  # one in flight of a proxy that is about to die
    client = await pair[0].connect()
    await client.send(request())
    await auntil(lambda: waiting(pair[0]) == 1)
    grid.own_row(1, 0)
    play.tokens.release()
    with trio.fail_after(20 * group.LOOK):
        assert (await client.answer())[0] == 200


async def test_least_connections_see_what_the_other_proxy_has_in_flight(pair, grid):
    play = OneAtATime()
    for _ in range(100):
        play.tokens.release()
    workers = [await pair[0].upstream(play.script, name) for name in "12"]
    for slot, worker in zip((SLOT, QUEUE), workers, strict=True):
        worker.model = replace(worker.model, slot=slot)
    grid.put(1, SLOT, 5)
    stage = pair[0]
    stage.forwarding, stage.slot = Forwarding(), -1
    stage.balance = Balance(Policy.LEAST_CONNECTIONS)
    await stage.apply(*workers)
    for _ in range(5):
        await stage.ask(request())
    assert [worker.connections for worker in workers] == [0, 1]
