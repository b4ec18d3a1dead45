"""What a route says of retries: real requests to scripted workers that fail in each way."""

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.core.budget import SPARE
from webqx_supervisor.model.gateway import Forwarding
from webqx_supervisor.model.resilience import Retry

UNAVAILABLE = b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nlate"


async def unavailable(peer: Peer) -> None:
    while True:
        await peer.head()
        await peer.send(UNAVAILABLE)


async def silent(peer: Peer) -> None:
    await peer.head()
    await peer.rest()


async def nonsense(peer: Peer) -> None:
    await peer.head()
    await peer.send(b"SSH-2.0-what\r\n\r\n")


async def dies(peer: Peer) -> None:
    await peer.head()


BAD = {"503": unavailable, "timeout": silent, "invalid": nonsense}
ALL = Retry(timeout=True, invalid=True, statuses=(503,))


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_is_listed_goes_elsewhere(stage: Stage, kind: str, method: str):
    stage.filter(retry=ALL)
    stage.forwarding = Forwarding(response_timeout=0.2)
    await stage.apply(await stage.upstream(BAD[kind], "1"), await stage.upstream(echo, "2"))
    for _ in range(2):
        assert (await stage.ask(request(method, body=b"abc" if method == "PUT" else b"")))[0] == 200


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("timeout", 504), ("invalid", 502)])
async def test_what_is_not_listed_is_answered_as_ever(stage: Stage, kind: str, status: int):
    stage.filter(retry=Retry())
    stage.forwarding = Forwarding(response_timeout=0.2)
    await stage.apply(await stage.upstream(BAD[kind], "1"), await stage.upstream(echo, "2"))
    found = {(await stage.ask(request()))[0] for _ in range(2)}
    assert found == {status, 200}


@pytest.mark.parametrize(("kind", "status"), [("503", 503), ("timeout", 504), ("invalid", 502)])
async def test_a_post_that_was_read_is_never_repeated(stage: Stage, kind: str, status: int):
    stage.filter(retry=ALL)
    stage.forwarding = Forwarding(response_timeout=0.2)
    other = await stage.upstream(echo, "2")
    await stage.apply(await stage.upstream(BAD[kind], "1"), other)
    found = {(await stage.ask(request("POST", body=b"x")))[0] for _ in range(2)}
    assert found == {status, 200}
    assert other.connections == 1


async def test_a_body_that_is_no_longer_at_hand_is_not_repeated(stage: Stage):
    async def reads_all(peer):
        await peer.head()
        await peer.exactly(200_000)
        await peer.send(UNAVAILABLE)

    stage.filter(retry=ALL)
    await stage.apply(await stage.upstream(reads_all, "1"), await stage.upstream(reads_all, "2"))
    assert (await stage.ask(request("PUT", body=bytes(200_000))))[0] == 503


async def test_the_last_attempts_answer_is_passed_on_as_it_is(stage: Stage):
    asked = []

    async def counts(peer):
        while True:
            await peer.head()
            asked.append(1)
            await peer.send(UNAVAILABLE)

    stage.filter(retry=Retry(statuses=(503,), attempts=3))
    await stage.apply(*[await stage.upstream(counts, str(number)) for number in range(5)])
    status, _, body = await stage.ask(request())
    assert (status, body, len(asked)) == (503, b"late", 3)


async def test_a_dropped_answer_that_is_there_whole_leaves_the_connection_in_use(stage: Stage):
    stage.filter(retry=ALL)
    bad = await stage.upstream(unavailable, "1")
    await stage.apply(bad, await stage.upstream(echo, "2"))
    for _ in range(6):
        assert (await stage.ask(request()))[0] == 200
    assert bad.connections == 1


async def test_a_dropped_answer_with_more_to_come_ends_its_connection(stage: Stage):
    async def goes_on(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 503 No\r\nContent-Length: 100000\r\n\r\n")
        await peer.rest()
        ended.set()

    ended = trio.Event()
    stage.filter(retry=ALL)
    await stage.apply(await stage.upstream(goes_on, "1"), await stage.upstream(echo, "2"))
    for _ in range(2):
        assert (await stage.ask(request()))[0] == 200
    with trio.fail_after(20):
        await ended.wait()


async def test_after_its_time_nothing_is_tried_again(stage: Stage):
    stage.filter(retry=Retry(timeout=True, time=0.05, attempts=9))
    stage.forwarding = Forwarding(response_timeout=0.2)
    workers = [await stage.upstream(silent, str(number)) for number in range(3)]
    await stage.apply(*workers)
    assert (await stage.ask(request()))[0] == 504
    assert sum(worker.connections for worker in workers) == 1


async def test_a_storm_is_held_to_the_budget(stage: Stage):
    asked = []

    async def counts(peer):
        while True:
            await peer.head()
            asked.append(1)
            await peer.send(UNAVAILABLE)

    stage.filter(retry=Retry(statuses=(503,), attempts=10, budget=0.2, time=0.0))
    await stage.apply(await stage.upstream(counts, "1"), await stage.upstream(counts, "2"))
    client = await stage.connect()
    for _ in range(100):
        await client.send(request())
        assert (await client.answer())[0] == 503
    assert 100 < len(asked) <= 100 + 0.2 * 100 + SPARE


async def test_deaths_cost_nothing_though_the_budget_is_spent(stage: Stage):
    stage.filter(retry=Retry(statuses=(503,), budget=0.0))
    await stage.apply(await stage.upstream(dies, "1"), await stage.upstream(echo, "2"))
    for _ in range(3 * SPARE):
        assert (await stage.ask(request()))[0] == 200


async def test_a_single_attempt_is_a_single_attempt(stage: Stage):
    stage.filter(retry=Retry(attempts=1))
    await stage.apply(await stage.upstream(dies, "1"), await stage.upstream(echo, "2"))
    found = {(await stage.ask(request()))[0] for _ in range(2)}
    assert found == {502, 200}


async def test_refused_connections_are_no_attempts(stage: Stage):
    stage.filter(retry=Retry(attempts=2))
    dead = [await stage.upstream(echo, str(number)) for number in range(3)]
    for each in dead:
        each.kill()
    await auntil(lambda: not any(each.accepts() for each in dead))
    await stage.apply(*dead, await stage.upstream(echo, "9"))
    for _ in range(4):
        assert (await stage.ask(request("POST", body=b"x")))[0] == 200


async def test_a_request_that_kills_every_worker_gives_up_after_its_attempts(stage: Stage):
    stage.filter(retry=Retry(attempts=3))
    workers = [await stage.upstream(dies, str(number)) for number in range(5)]
    await stage.apply(*workers)
    assert (await stage.ask(request()))[0] == 502
    assert sum(worker.connections for worker in workers) == 3


async def test_the_answer_after_a_retry_is_whole(stage: Stage):
    async def answers(peer):
        await peer.head()
        await peer.send(ok(b"well"))

    stage.filter(retry=ALL)
    await stage.apply(await stage.upstream(unavailable, "1"), await stage.upstream(answers, "2"))
    for _ in range(2):
        assert (await stage.ask(request()))[2] == b"well"
    assert any(" 1 -" in line for line in stage.log_lines())
