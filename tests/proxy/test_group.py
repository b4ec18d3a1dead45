"""Who gets the next request, and who waits: real requests to scripted workers."""

from collections import Counter
from dataclasses import replace

import pytest
import trio
from helpers import auntil
from stage import SECONDS, Stage, ok, request

from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Policy,
    Protocol,
    Upstream,
    UpstreamGroup,
)
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.upstream import LiveUpstream


def waiting(stage):
    return len(stage.proxy.gateway.upstreams.group("api").waiting)


def in_flight(stage):
    return {each.id[4]: each.in_flight for each in stage.proxy.gateway.upstreams.all()}


def naming(name):
    """Play a worker that answers with its name."""

    async def script(peer):
        while True:
            await peer.head()
            await peer.send(ok(name.encode()))

    return script


class Held:
    """Workers that answer with their name when they are told to; they note whom they have."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.most: Counter[str] = Counter()
        self._has: Counter[str] = Counter()
        self._tokens = trio.Semaphore(0)

    def script(self, name):
        async def play(peer):
            while True:
                head = await peer.head()
                self._has[name] += 1
                self.most[name] = max(self.most[name], self._has[name])
                self.order.append(head.split(b" ")[1].decode())
                await self._tokens.acquire()
                self._has[name] -= 1
                await peer.send(ok(name.encode()))

        return play

    def release(self, count=1):
        for _ in range(count):
            self._tokens.release()


async def named(stage, *names):
    return [await stage.upstream(naming(name), name) for name in names]


async def held(stage, play, *names):
    return [await stage.upstream(play.script(name), name) for name in names]


def weighing(upstream, **keys):
    upstream.model = replace(upstream.model, **keys)


async def asked(stage, count, *fields):
    return Counter([(await stage.ask(request("GET", "/", *fields)))[2] for _ in range(count)])


async def sent(stage, *paths):
    """Send each request on a connection of its own, in this order."""
    clients = []
    for path in paths:
        before = waiting(stage) + sum(in_flight(stage).values())
        client = await stage.connect()
        await client.send(request("GET", path))
        await auntil(lambda now=before: waiting(stage) + sum(in_flight(stage).values()) > now)
        clients.append(client)
    return clients


async def test_round_robin_by_weight(stage: Stage):
    stage.balance = Balance(weights=((1, 3),))
    heavy, light = await named(stage, "1", "2")
    weighing(heavy, weight=3)
    await stage.apply(heavy, light)
    assert await asked(stage, 8) == {b"1": 6, b"2": 2}


@pytest.mark.parametrize("policy", [Policy.LEAST_CONNECTIONS, Policy.TWO_CHOICES])
async def test_whoever_is_busy_is_spared(stage: Stage, policy):
    stage.balance = Balance(policy)
    play = Held()
    (busy,), (free,) = await held(stage, play, "1"), await named(stage, "2")
    await stage.apply(busy)
    await sent(stage, "/a", "/b")
    await stage.apply(busy, free)
    assert await asked(stage, 6) == {b"2": 6}


async def test_a_hash_leads_the_same_client_to_the_same_worker(stage: Stage):
    stage.balance = Balance(Policy.HASH, "header:X-Tenant")
    workers = await named(stage, "1", "2", "3")
    await stage.apply(*workers)
    home = {}
    for tenant in "abcdefgh":
        ((home[tenant], count),) = (await asked(stage, 3, f"X-Tenant: {tenant}")).items()
        assert count == 3
    assert set(home.values()) == {b"1", b"2", b"3"}
    await stage.apply(*workers[:2])
    for tenant, name in home.items():
        (now,) = await asked(stage, 1, f"X-Tenant: {tenant}")
        assert name in (now, b"3")


async def test_a_hash_of_the_address_serves_a_tcp_listener_too(stage: Stage):
    stage.balance = Balance(Policy.HASH)
    stage.protocol = Protocol.TCP
    await stage.apply(*await named(stage, "1", "2", "3"))
    assert len(await asked(stage, 5)) == 1


async def test_a_sticky_cookie_leads_back_and_is_set_only_once(stage: Stage):
    stage.balance = Balance(sticky="worker")
    workers = await named(stage, "1", "2", "3")
    await stage.apply(*workers)
    _, fields, first = await stage.ask(request())
    cookie = fields["set-cookie"]
    assert cookie.endswith("; path=/; httponly; samesite=lax")
    pair = cookie.partition(";")[0]
    for _ in range(4):
        _, fields, name = await stage.ask(request("GET", "/", f"Cookie: a=b; {pair}"))
        assert name == first
        assert "set-cookie" not in fields


async def test_a_sticky_client_whose_worker_is_gone_gets_another_and_a_new_cookie(stage: Stage):
    stage.balance = Balance(sticky="worker")
    workers = await named(stage, "1", "2", "3")
    await stage.apply(*workers)
    _, fields, first = await stage.ask(request())
    old = fields["set-cookie"].partition(";")[0]
    await stage.apply(*(each for each in workers if each.name.encode() != first))
    _, fields, second = await stage.ask(request("GET", "/", f"Cookie: {old}"))
    assert second != first
    new = fields["set-cookie"].partition(";")[0]
    assert new != old
    assert await asked(stage, 3, f"Cookie: {new}") == {second: 3}


async def test_a_cookie_that_nobody_has_set_is_replaced(stage: Stage):
    stage.balance = Balance(sticky="worker")
    await stage.apply(*await named(stage, "1"))
    _, fields, _ = await stage.ask(request("GET", "/", "Cookie: worker=zz"))
    assert "set-cookie" in fields


async def test_a_successor_of_the_same_instance_has_the_same_clients(stage: Stage):
    stage.balance = Balance(sticky="worker")
    old, other = await named(stage, "1", "2")
    await stage.apply(old)
    _, fields, _ = await stage.ask(request())
    (new,) = await named(stage, "1")
    weighing(new, id="api:1@2")
    await stage.apply(new, other, draining=[old])
    pair = fields["set-cookie"].partition(";")[0]
    assert await asked(stage, 4, f"Cookie: {pair}") == {b"1": 4}
    assert new.connections


@pytest.mark.parametrize(
    "balance", [*(Balance(policy) for policy in Policy), Balance(sticky="worker")], ids=str
)
@pytest.mark.parametrize("fault", ["refuses", "dies"])
async def test_every_policy_moves_on_when_the_first_choice_fails(stage: Stage, balance, fault):
    stage.balance = balance

    async def dies(peer):
        await peer.head()

    (good,) = await named(stage, "1")
    bad = await stage.upstream(dies, "2")
    await stage.apply(bad)
    fields = []
    if balance.sticky:  # whom the cookie leads to the bad one
        token = stage.proxy.gateway.upstreams.all()[0].token.decode()
        fields = [f"Cookie: worker={token}"]
    if fault == "refuses":
        bad.kill()
        await auntil(lambda: not bad.accepts())
    await stage.apply(bad, good)
    for _ in range(4):
        status, answered, name = await stage.ask(request("GET", "/", *fields))
        assert (status, name) == (200, b"1")
        assert bool(balance.sticky) == ("set-cookie" in answered)


async def test_a_backup_serves_only_while_nobody_else_is_up(stage: Stage):
    one, backup = await named(stage, "1", "2")
    weighing(backup, backup=True)
    await stage.apply(one, backup)
    assert await asked(stage, 4) == {b"1": 4}
    await stage.apply(backup)
    assert await asked(stage, 2) == {b"2": 2}
    await stage.apply(one, backup)
    assert await asked(stage, 2) == {b"1": 2}


async def test_a_backup_takes_over_what_the_others_refuse(stage: Stage):
    one, backup = await named(stage, "1", "2")
    weighing(backup, backup=True)
    one.kill()
    await auntil(lambda: not one.accepts())
    await stage.apply(one, backup)
    assert await asked(stage, 3) == {b"2": 3}


async def test_a_new_worker_gets_little_at_first(stage: Stage):
    stage.balance = Balance(slow_start=1e6)
    old, new = await named(stage, "1", "2")
    weighing(new, ready_at=stage.proxy.reactor.now)
    weighing(old, ready_at=-1e7)
    await stage.apply(old, new)
    seen = await asked(stage, 22)
    assert 1 <= seen[b"2"] <= 3


async def test_no_worker_has_more_than_max_in_flight_and_the_rest_are_served_in_order(stage):
    stage.forwarding = Forwarding(max_in_flight=2)
    play = Held()
    await stage.apply(*await held(stage, play, "1", "2"))
    paths = [f"/{number}" for number in range(10)]
    clients = await sent(stage, *paths)
    assert in_flight(stage) == {"1": 2, "2": 2}
    assert waiting(stage) == 6
    for left in range(5, -1, -1):
        play.release()
        await auntil(lambda now=left: waiting(stage) == now)
    play.release(4)
    for client in clients:
        assert (await client.answer())[0] == 200
    assert play.order[4:] == paths[4:]
    assert play.most == {"1": 2, "2": 2}


async def test_one_who_gives_up_waiting_leaves_its_place_to_the_next(stage: Stage):
    stage.forwarding = Forwarding(max_in_flight=1)
    play = Held()
    await stage.apply(*await held(stage, play, "1"))
    first, gone, last = await sent(stage, "/first", "/gone", "/last")
    await gone.reset()
    await auntil(lambda: waiting(stage) == 1)
    play.release(2)
    assert (await first.answer())[0] == (await last.answer())[0] == 200
    assert play.order == ["/first", "/last"]


async def test_a_client_that_leaves_in_the_middle_frees_its_worker_for_the_next(stage: Stage):
    stage.forwarding = Forwarding(max_in_flight=1)
    play = Held()
    await stage.apply(*await held(stage, play, "1"))
    gone, last = await sent(stage, "/gone", "/last")
    await auntil(lambda: play.order)
    await gone.reset()
    await auntil(lambda: len(play.order) == 2)
    play.release(2)
    assert (await last.answer())[0] == 200
    assert waiting(stage) == 0
    assert in_flight(stage) == {"1": 0}


async def test_a_full_queue_and_a_wait_too_long_are_told_with_the_time_to_come_back(stage: Stage):
    stage.forwarding = Forwarding(max_in_flight=1, queue_size=1, queue_timeout=2.0)
    play = Held()
    await stage.apply(*await held(stage, play, "1"))
    clients = await sent(stage, "/a", "/b")
    status, fields, body = await stage.ask(request())
    assert (status, fields["retry-after"]) == (503, "1")
    assert b"too many requests wait for a worker of api" in body
    status, fields, body = await clients[1].answer()
    assert (status, fields["retry-after"]) == (503, "1")
    assert b"no worker of api was free in time" in body
    play.release()
    assert (await clients[0].answer())[0] == 200


async def test_a_higher_limit_and_another_worker_serve_those_who_wait(stage: Stage):
    stage.forwarding = Forwarding(max_in_flight=1)
    play = Held()
    workers = await held(stage, play, "1", "2")
    await stage.apply(workers[0])
    clients = await sent(stage, "/a", "/b", "/c")
    await stage.apply(*workers)
    assert waiting(stage) == 1
    stage.forwarding = Forwarding(max_in_flight=2)
    await stage.apply(*workers)
    assert waiting(stage) == 0
    play.release(3)
    for client in clients:
        assert (await client.answer())[0] == 200


async def test_a_sticky_client_whose_worker_is_full_is_a_guest_elsewhere(stage: Stage):
    stage.balance = Balance(sticky="worker")
    stage.forwarding = Forwarding(max_in_flight=1)
    play = Held()
    (busy,), (free,) = await held(stage, play, "1"), await named(stage, "2")
    await stage.apply(busy)
    await sent(stage, "/a")
    token = stage.proxy.gateway.upstreams.all()[0].token.decode()
    await stage.apply(busy, free)
    _, fields, name = await stage.ask(request("GET", "/", f"Cookie: worker={token}"))
    assert name == b"2"
    assert "set-cookie" not in fields


async def test_a_tcp_connection_counts_as_in_flight_for_its_whole_life(stage: Stage):
    stage.protocol = Protocol.TCP
    stage.forwarding = Forwarding(max_in_flight=1)
    await stage.apply(*await named(stage, "1"))
    first, second = await sent(stage, "/a", "/b")
    assert (await first.answer())[2] == b"1"
    assert waiting(stage) == 1
    await trio.aclose_forcefully(first.stream)
    assert (await second.answer())[2] == b"1"


async def test_what_is_granted_to_one_that_goes_in_that_moment_is_the_next_ones(stage: Stage):
    reactor = stage.proxy.reactor
    worker = LiveUpstream(reactor, Upstream("api:1@1", "127.0.0.1", 1, 1))
    group, claimed = Group(reactor, "api"), []

    async def claim(name):
        await group.claim(reactor.now + SECONDS)
        claimed.append(name)

    table = UpstreamGroup("api", forwarding=Forwarding(max_in_flight=1))
    group.apply(table, [], None)
    tasks = [reactor.spawn(claim(name)) for name in ("gone", "next", "last")]
    await auntil(lambda: len(group.waiting) == 3)
    group.apply(table, [worker], None)
    tasks[0].cancel()
    await auntil(lambda: claimed)
    assert (claimed, worker.in_flight, len(group.waiting)) == (["next"], 1, 1)
