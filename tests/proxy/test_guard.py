"""Breakers: real requests to scripted workers of which one is bad."""

from dataclasses import replace

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.model.gateway import Balance, Forwarding, Protocol, Route
from webqx_supervisor.model.link import BreakerMoved
from webqx_supervisor.model.resilience import Breaker, BreakerState

OPEN, HALF_OPEN, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED
EAGER = Breaker(minimum=4, open_for=0.1, trial=2, slow_after=0.0)
STUBBORN = Breaker(minimum=4, open_for=600.0, trial=2, slow_after=0.0)


class Moody:
    """A worker that answers with `status`, under its name."""

    def __init__(self, name: str, status: int = 200) -> None:
        self.name = name
        self.status = status
        self.asked = 0

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.head()
            self.asked += 1
            length = len(self.name)
            await peer.send(
                f"HTTP/1.1 {self.status} X\r\nContent-Length: {length}\r\n\r\n{self.name}".encode()
            )


async def up(stage: Stage, *workers: Moody) -> None:
    await stage.apply(*[await stage.upstream(each, each.name) for each in workers])


async def statuses(stage: Stage, count: int) -> list[int]:
    return [(await stage.ask(request()))[0] for _ in range(count)]


def moves(stage: Stage) -> list[BreakerMoved]:
    return [each for each in stage.said if isinstance(each, BreakerMoved)]


async def ask_until(stage: Stage, state: BreakerState, count: int = 1) -> None:
    """Ask until so many breakers have come into this state."""
    with trio.fail_after(20):
        while sum(move.state is state for move in moves(stage)) < count:
            await stage.ask(request())


async def test_a_worker_that_answers_500_gets_no_requests_until_it_is_well(stage: Stage):
    stage.breaker = EAGER
    good, bad = Moody("1"), Moody("2", 500)
    await up(stage, good, bad)
    await ask_until(stage, OPEN)
    bad.status = 200
    await stage.hears_of(BreakerMoved, 2)
    asked = good.asked
    assert await statuses(stage, 8) == [200] * 8
    await stage.hears_of(BreakerMoved, 3)
    assert [move.state for move in moves(stage)] == [OPEN, HALF_OPEN, CLOSED]
    assert {move.upstream for move in moves(stage)} == {"api:2@1"}
    assert "4 of 4 requests failed within 10 s" in moves(stage)[0].reason
    assert good.asked - asked == 4


async def test_while_it_is_open_the_others_get_all(stage: Stage):
    stage.breaker = STUBBORN
    good, bad = Moody("1"), Moody("2", 503)
    await up(stage, good, bad)
    await ask_until(stage, OPEN)
    assert bad.asked == 4
    assert await statuses(stage, 10) == [200] * 10
    assert bad.asked == 4
    (count,) = [each for each in (await stage.report()).counts if each.upstream == "api:2@1"]
    assert count.breaker is OPEN


async def test_a_worker_that_is_slow_is_ejected(stage: Stage):
    stage.breaker = Breaker(minimum=2, open_for=600.0, slow_after=0.05)
    good = Moody("1")
    slow_asked = []

    async def slow(peer):
        while True:
            await peer.head()
            slow_asked.append(1)
            await trio.sleep(0.2)  # what is measured
            await peer.send(ok(b"2"))

    await stage.apply(await stage.upstream(good, "1"), await stage.upstream(slow, "2"))
    await ask_until(stage, OPEN)
    assert len(slow_asked) == 2
    assert await statuses(stage, 6) == [200] * 6
    assert len(slow_asked) == 2
    assert "2 of 2 requests were slow" in (await stage.hears_of(BreakerMoved))[0].reason


async def test_a_client_that_uploads_slowly_makes_no_worker_slow(stage: Stage):
    stage.breaker = Breaker(minimum=1, slow_after=0.3)
    await stage.apply(await stage.upstream(echo, "1"), await stage.upstream(echo, "2"))
    client = await stage.connect()
    await client.send(request("PUT", "/", "Content-Length: 2") + b"a")
    await trio.sleep(0.5)  # longer than slow_after
    await client.send(b"b")
    assert (await client.answer())[0] == 200
    assert not moves(stage)


async def test_when_all_are_bad_half_of_them_still_serve(stage: Stage):
    stage.breaker = STUBBORN
    workers = [Moody(str(number), 500) for number in range(4)]
    await up(stage, *workers)
    await ask_until(stage, OPEN, 4)
    asked = [each.asked for each in workers]
    assert await statuses(stage, 6) == [500] * 6
    more = [each.asked - before for each, before in zip(workers, asked, strict=True)]
    assert sorted(more) == [0, 0, 3, 3]


async def test_the_only_worker_is_never_ejected(stage: Stage):
    stage.breaker = STUBBORN
    only = Moody("1", 500)
    await up(stage, only)
    assert await statuses(stage, 12) == [500] * 12
    only.status = 200
    assert await statuses(stage, 2) == [200, 200]


async def test_a_backup_serves_when_all_others_are_ejected(stage: Stage):
    stage.breaker = STUBBORN
    stage.balance = Balance(backup=(3,))
    bad, worse, spare = Moody("1", 500), Moody("2", 500), Moody("3")
    upstreams = [await stage.upstream(each, each.name) for each in (bad, worse, spare)]
    upstreams[2].model = replace(upstreams[2].model, backup=True)
    await stage.apply(*upstreams)
    await ask_until(stage, OPEN, 2)
    assert await statuses(stage, 4) == [200] * 4
    assert spare.asked >= 4


async def test_the_trial_lets_only_so_many_through_at_once(stage: Stage):
    stage.breaker = EAGER
    good, bad = Moody("1"), Moody("2", 500)
    release, held = trio.Event(), []

    async def script(peer):
        while True:
            await peer.head()
            if bad.status != 200:
                await peer.send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
                continue
            held.append(1)
            await release.wait()
            await peer.send(ok(b"2"))

    await stage.apply(await stage.upstream(good, "1"), await stage.upstream(script, "2"))
    await ask_until(stage, OPEN)
    bad.status = 200
    await stage.hears_of(BreakerMoved, 2)
    clients = [await stage.connect() for _ in range(12)]
    for client in clients:
        await client.send(request())
    await auntil(lambda: good.asked >= 10)
    assert len(held) == EAGER.trial
    release.set()
    assert [(await client.answer())[0] for client in clients] == [200] * 12
    assert (await stage.hears_of(BreakerMoved, 3))[2].state is CLOSED


async def test_a_trial_whose_client_goes_away_is_given_to_another(stage: Stage):
    stage.breaker = Breaker(minimum=4, open_for=0.1, trial=1, slow_after=0.0)
    good, bad, hangs = Moody("1"), Moody("2", 500), [True]
    taken = trio.Event()

    async def script(peer):
        while True:
            await peer.head()
            if bad.status != 200:
                await peer.send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")
            elif hangs[0]:
                hangs[0] = False
                taken.set()
                await peer.rest()
            else:
                await peer.send(ok(b"2"))

    await stage.apply(await stage.upstream(good, "1"), await stage.upstream(script, "2"))
    await ask_until(stage, OPEN)
    bad.status = 200
    await stage.hears_of(BreakerMoved, 2)
    clients = [await stage.connect() for _ in range(2)]
    for client in clients:
        await client.send(request())
    await taken.wait()
    for client in clients:
        await client.reset()
    await ask_until(stage, CLOSED)


async def test_silence_and_nonsense_are_failures(stage: Stage):
    stage.breaker = STUBBORN
    stage.forwarding = Forwarding(response_timeout=0.2)
    answers = [b"", b"what\r\n\r\n"]

    async def bad(peer):
        await peer.head()
        answer = answers[0]
        answers.reverse()
        if answer:
            await peer.send(answer)
        await peer.rest()

    await stage.apply(await stage.upstream(Moody("1"), "1"), await stage.upstream(bad, "2"))
    await ask_until(stage, OPEN)


async def test_an_answer_that_breaks_off_is_a_failure(stage: Stage):
    stage.breaker = STUBBORN

    async def breaks(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    await stage.apply(await stage.upstream(Moody("1"), "1"), await stage.upstream(breaks, "2"))
    with trio.fail_after(20):
        while not moves(stage):
            client = await stage.connect()
            await client.send(request("GET", "/", "Connection: close"))
            await client.ended()


async def test_connections_that_a_worker_ends_between_requests_are_no_failures(stage: Stage):
    stage.breaker = Breaker(minimum=2, open_for=600.0, slow_after=0.0)

    async def once(peer):
        await peer.head()
        await peer.send(ok(b"x"))
        await peer.head()  # it ends instead of answering, as at the end of an idle time

    await stage.apply(await stage.upstream(once, "1"), await stage.upstream(once, "2"))
    assert await statuses(stage, 20) == [200] * 20
    assert not moves(stage)


async def test_over_tcp_a_refused_connection_is_a_failure(stage: Stage):
    stage.breaker = Breaker(minimum=1, open_for=600.0)
    stage.protocol = Protocol.TCP
    stage.routes = (Route("web", "api"),)

    async def greets(peer):
        await peer.send(b"hi")

    good, dead = await stage.upstream(greets, "1"), await stage.upstream(greets, "2")
    dead.kill()
    await auntil(lambda: not dead.accepts())
    await stage.apply(good, dead)
    for _ in range(2):
        client = await stage.connect()
        assert await client.rest() == b"hi"
    (moved,) = await stage.hears_of(BreakerMoved)
    assert (moved.upstream, moved.state) == ("api:2@1", OPEN)


async def test_another_policy_begins_closed_and_none_takes_all_back(stage: Stage):
    stage.breaker = STUBBORN
    good, bad = Moody("1"), Moody("2", 500)
    workers = [await stage.upstream(each, each.name) for each in (good, bad)]
    await stage.apply(*workers)
    await ask_until(stage, OPEN)
    asked = bad.asked
    stage.breaker = None
    await stage.apply(*workers)
    await statuses(stage, 4)
    assert bad.asked == asked + 2
    assert all(count.breaker is None for count in (await stage.report()).counts)


@pytest.mark.parametrize("status", [404, 429, 501])
async def test_other_statuses_are_good_answers(stage: Stage, status: int):
    stage.breaker = STUBBORN
    await up(stage, Moody("1", status), Moody("2", status))
    assert await statuses(stage, 20) == [status] * 20
    assert not moves(stage)
