"""The backup of a route takes over: before, during and while requests wait."""

import pytest
import trio
from helpers import auntil
from stage import ScriptedUpstream, Stage, echo, ok, request

from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Listener,
    Protocol,
    Route,
    Table,
    Upstream,
    UpstreamGroup,
)
from webqx_supervisor.model.link import Applied, TableMessage
from webqx_supervisor.model.resilience import Breaker, Retry


async def spare(peer):
    while True:
        await peer.head()
        await peer.send(ok(b"spare"))


async def show(stage: Stage, api, backup, *, expecting=True, remote=False):
    """Send a table with two services, of which one is the other one's backup."""
    await stage.apply(*api, expecting=expecting)
    stage.version += 1
    upstreams = tuple(
        Upstream(f"backup:{each.name}@2", "127.0.0.1", each.port, 0, remote=remote)
        for each in backup
    )
    groups = (
        UpstreamGroup(
            "api",
            tuple(each.model for each in api),
            stage.forwarding,
            expecting,
            balance=stage.balance,
            breaker=stage.breaker,
        ),
        UpstreamGroup("backup", upstreams, stage.forwarding, balance=stage.balance),
    )
    listener = Listener("web", ("here",), stage.protocol, stage.limits)
    await stage.link.send(TableMessage(Table(stage.version, (listener,), stage.routes, groups)))
    await stage.hears(Applied(stage.version))


@pytest.fixture
async def backup(stage: Stage) -> ScriptedUpstream:
    stage.routes = (Route("web", "api", backup="backup"),)
    return await stage.upstream(spare, "1")


async def test_the_backup_is_not_asked_while_a_worker_is_up(stage: Stage, backup):
    await show(stage, [await stage.upstream(echo, "1")], [backup])
    for _ in range(4):
        assert (await stage.ask(request()))[2].startswith(b"GET")
    assert backup.connections == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_that_all_workers_refuse_goes_to_the_backup(stage, backup, method):
    dead = [await stage.upstream(echo, str(number)) for number in range(2)]
    for each in dead:
        each.kill()
    await auntil(lambda: not any(each.accepts() for each in dead))
    await show(stage, dead, [backup])
    assert (await stage.ask(request(method, body=b"x")))[2] == b"spare"


async def test_a_request_that_waits_goes_to_the_backup_as_soon_as_it_is_up(stage: Stage, backup):
    await show(stage, [], [])
    clients = [await stage.connect() for _ in range(3)]
    for client in clients:
        await client.send(request())
    group = stage.proxy.gateway.upstreams.group("api")
    await auntil(lambda: len(group.waiting) == 3)
    await show(stage, [], [backup])
    for client in clients:
        assert (await client.answer())[2] == b"spare"
    assert not group.waiting


async def test_a_request_that_waits_for_room_goes_to_the_backup_when_its_worker_goes(stage, backup):
    taken = trio.Event()

    async def hangs(peer):
        await peer.head()
        taken.set()
        await peer.rest()

    stage.forwarding = Forwarding(max_in_flight=1)
    only = await stage.upstream(hangs, "1")
    await show(stage, [only], [backup])
    first, second = await stage.connect(), await stage.connect()
    await first.send(request())
    await taken.wait()
    await second.send(request())
    group = stage.proxy.gateway.upstreams.group("api")
    await auntil(lambda: group.waiting)
    await show(stage, [], [backup])
    assert (await second.answer())[2] == b"spare"


async def test_a_request_whose_worker_dies_as_the_last_one_goes_to_the_backup(stage, backup):
    taken = trio.Event()

    async def hangs(peer):
        await peer.head()
        taken.set()
        await peer.rest()

    only = await stage.upstream(hangs, "1")
    await show(stage, [only], [backup])
    client = await stage.connect()
    await client.send(request())
    await taken.wait()
    only.kill()
    assert (await client.answer())[2] == b"spare"


async def test_a_request_with_a_cookie_and_a_hash_finds_its_way_in_the_backup(stage, backup):
    stage.balance = Balance(sticky="home")
    dead = await stage.upstream(echo, "1")
    dead.kill()
    await auntil(lambda: not dead.accepts())
    await show(stage, [dead], [backup])
    status, fields, body = await stage.ask(request("GET", "/", "Cookie: home=elsewhere"))
    assert (status, body) == (200, b"spare")
    assert fields["set-cookie"].startswith("home=")


async def test_the_backup_serves_when_the_breakers_of_all_workers_are_open(stage, backup):
    async def bad(peer):
        while True:
            await peer.head()
            await peer.send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")

    stage.breaker = Breaker(minimum=2, open_for=600.0)
    await show(stage, [await stage.upstream(bad, "1"), await stage.upstream(bad, "2")], [backup])
    with trio.fail_after(20):
        while (await stage.ask(request()))[0] == 500:
            pass
    for _ in range(4):
        assert (await stage.ask(request()))[2] == b"spare"


async def test_a_retry_over_a_status_goes_to_the_backup_when_the_others_are_gone(stage, backup):
    async def bad(peer):
        await peer.head()
        await show(stage, [], [backup])
        await peer.send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")

    route = Route("web", "api", backup="backup")
    filters = type(route.filters)(retry=Retry(statuses=(503,)))
    stage.routes = (Route("web", "api", backup="backup", filters=filters),)
    await show(stage, [await stage.upstream(bad, "1")], [backup])
    assert (await stage.ask(request()))[2] == b"spare"


async def test_over_tcp_the_backup_takes_over_as_well(stage: Stage, backup):
    async def greets(peer):
        await peer.send(b"spare")

    stage.protocol = Protocol.TCP
    greeting = await stage.upstream(greets, "2")
    dead = await stage.upstream(echo, "1")
    dead.kill()
    await auntil(lambda: not dead.accepts())
    await show(stage, [dead], [greeting])
    client = await stage.connect()
    assert await client.rest() == b"spare"


async def test_what_a_remote_has_read_is_not_proven_so_a_post_is_not_sent_again(stage, backup):
    async def refuses_to_read(peer):
        peer.stream.socket.shutdown(2)

    remote = await stage.upstream(refuses_to_read, "1")
    other = await stage.upstream(spare, "2")
    await show(stage, [], [remote, other], remote=True)
    found = {(await stage.ask(request("POST", body=b"x")))[0] for _ in range(2)}
    assert found == {502, 200}
    assert (remote.connections, other.connections) == (1, 1)
