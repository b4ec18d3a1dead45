"""What the daemon hears of requests that wait for a worker that it could bring."""

import pytest
import trio
from helpers import auntil
from stage import SECONDS, Stage, echo, ok, request

from webqx_supervisor.model.gateway import Forwarding, Route, UpstreamGroup
from webqx_supervisor.model.link import Queued
from webqx_supervisor.proxy.queuewatch import MOMENT

OF_API = Queued(("api",))


@pytest.fixture
async def asleep(stage: Stage) -> Stage:
    stage.autoscaled = stage.asleep = True
    await stage.apply()
    return stage


async def test_a_request_for_a_sleeper_is_told_and_waits_until_a_worker_is_up(asleep: Stage):
    client = await asleep.connect()
    await client.send(request("POST", body=b"patient"))
    await asleep.hears(OF_API)
    report = await asleep.report()
    assert [(each.service, each.waiting) for each in report.queues] == [("api", 1)]
    asleep.asleep = False
    await asleep.apply()
    await asleep.apply(await asleep.upstream(echo))
    assert (await client.answer())[2].endswith(b"patient")
    assert (await asleep.report()).queues == ()


async def test_it_is_told_again_and_again_as_long_as_it_waits(asleep: Stage):
    client = await asleep.connect()
    await client.send(request())
    await asleep.hears_of(Queued, 3)
    await asleep.apply(await asleep.upstream(echo))
    await client.answer()
    await auntil(lambda: not asleep.proxy.gateway.upstreams._queue_watch._queues)


async def test_a_queue_is_told_of_only_when_its_oldest_has_waited_for_a_moment(stage: Stage):
    stage.autoscaled, stage.forwarding = True, Forwarding(max_in_flight=1)
    free = trio.Event()

    async def one_by_one(peer):
        while True:
            await peer.head()
            await free.wait()
            await peer.send(ok(b"done"))

    await stage.apply(await stage.upstream(one_by_one))
    clients = [await stage.connect() for _ in range(2)]
    for client in clients:
        await client.send(request())
    await stage.hears(OF_API)
    (queue,) = (await stage.report()).queues
    assert (queue.service, queue.waiting) == ("api", 1)
    assert queue.waited >= MOMENT
    free.set()
    for client in clients:
        assert (await client.answer())[0] == 200


async def test_of_a_service_that_does_not_scale_nothing_is_told(stage: Stage):
    await stage.apply()
    client = await stage.connect()
    await client.send(request())
    await auntil(stage.proxy.gateway.upstreams.queues)
    assert stage.proxy.gateway.upstreams._queue_watch._queues == {}
    await stage.apply(await stage.upstream(echo))
    await client.answer()
    assert not [each for each in stage.said if isinstance(each, Queued)]


async def test_those_who_wait_already_when_it_falls_asleep_are_told_of(stage: Stage):
    await stage.apply()
    client = await stage.connect()
    await client.send(request())
    await auntil(stage.proxy.gateway.upstreams.queues)
    stage.autoscaled = stage.asleep = True
    await stage.apply()
    await stage.hears(OF_API)
    await stage.apply(await stage.upstream(echo))
    assert (await client.answer())[0] == 200


async def test_a_sleeper_is_asked_before_its_backup_and_while_it_wakes_the_backup(stage: Stage):
    stage.routes = (Route("web", "api", backup="spare"),)
    spare = await stage.upstream(echo, "2")
    stage.other_groups = (UpstreamGroup("spare", (spare.model,)),)
    stage.autoscaled = stage.asleep = True
    await stage.apply()
    client = await stage.connect()
    await client.send(request("POST", body=b"soon"))
    await stage.hears(OF_API)
    stage.asleep = False
    await stage.apply()  # its worker is on its way
    assert (await client.answer())[2].endswith(b"soon")


async def test_who_goes_away_while_it_sleeps_leaves_no_queue(asleep: Stage):
    client = await asleep.connect()
    await client.send(request())
    await asleep.hears(OF_API)
    await client.reset()
    with trio.fail_after(SECONDS):
        await auntil(lambda: not asleep.proxy.gateway.upstreams.queues())
