"""proxy/filters/crowding.py and body.py: how many requests at once, how large a body."""

import trio
from helpers import auntil
from stage import Stage, echo, ok, request

from webqx_supervisor.model.filters import Cors
from webqx_supervisor.model.gateway import FixedAnswer, Limits, Route
from webqx_supervisor.model.limits import Crowding, RateLimit


class Slow:
    """A worker that answers when it is told to."""

    def __init__(self):
        self.asked = 0
        self.go = trio.Event()

    async def __call__(self, peer):
        while True:
            await peer.head()
            self.asked += 1
            await self.go.wait()
            await peer.send(ok())


async def begin(stage, worker, count):
    """Have requests in flight, and the worker know of them."""
    clients = [await stage.connect() for _ in range(count)]
    for client in clients:
        await client.send(request())
    await auntil(lambda: worker.asked == count)
    return clients


async def test_one_request_too_many_at_once_is_refused_and_a_later_one_is_not(stage: Stage):
    worker = Slow()
    stage.filter(crowding=Crowding(2, "api"))
    await stage.apply(await stage.upstream(worker))
    clients = await begin(stage, worker, 2)
    status, fields, body = await stage.ask(request())
    assert (status, fields["retry-after"]) == (429, "1")
    assert b"has 2 requests here already" in body
    worker.go.set()
    for client in clients:
        assert (await client.answer())[0] == 200
    assert (await stage.ask(request()))[0] == 200
    assert not stage.proxy.gateway.in_flight


async def test_who_leaves_makes_room(stage: Stage):
    worker = Slow()
    stage.filter(crowding=Crowding(1, "api"))
    await stage.apply(await stage.upstream(worker))
    (client,) = await begin(stage, worker, 1)
    await client.reset()
    await auntil(lambda: not stage.proxy.gateway.in_flight)
    worker.go.set()
    assert (await stage.ask(request()))[0] == 200


async def test_a_changed_route_still_knows_who_is_in_flight(stage: Stage):
    worker = Slow()
    upstream = await stage.upstream(worker)
    stage.filter(crowding=Crowding(1, "api"))
    await stage.apply(upstream)
    await begin(stage, worker, 1)
    stage.filter(crowding=Crowding(1, "api"), cors=Cors(origins=("*",)))
    await stage.apply(upstream)
    assert (await stage.ask(request()))[0] == 429
    worker.go.set()


async def test_a_request_too_many_at_once_is_counted_by_no_rate_limit(stage: Stage):
    worker = Slow()
    hourly = RateLimit(1, 3600.0, 2, account="x")
    stage.filter(crowding=Crowding(1, "api"), limits=(hourly,))
    await stage.apply(await stage.upstream(worker))
    (client,) = await begin(stage, worker, 1)
    for _ in range(3):
        assert b"requests here already" in (await stage.ask(request()))[2]
    worker.go.set()
    await client.answer()
    assert (await stage.ask(request()))[0] == 200
    assert (await stage.ask(request()))[0] == 429


async def test_a_route_has_its_own_largest_body(stage: Stage):
    stage.limits = Limits(max_body=8)
    upstream = await stage.upstream(echo)
    for most, statuses in ((4, [200, 413, 413]), (0, [200, 200, 200]), (None, [200, 200, 413])):
        stage.filter(max_body=most)
        await stage.apply(upstream)
        asked = [(await stage.ask(request("POST", "/", body=b"x" * size)))[0] for size in (4, 8, 9)]
        assert asked == statuses


async def test_a_chunked_body_over_the_routes_limit_is_a_413(stage: Stage):
    stage.filter(max_body=8)
    await stage.apply(await stage.upstream(echo))
    chunked = request("POST", "/", "Transfer-Encoding: chunked")
    client = await stage.connect()
    await client.send(chunked + b"9\r\n123456789\r\n0\r\n\r\n")
    assert (await client.answer())[0] == 413
    client = await stage.connect()
    await client.send(chunked + b"8\r\n12345678\r\n")
    await client.send(b"1\r\n9\r\n0\r\n\r\n")
    assert (await client.answer())[0] == 413


async def test_a_body_too_large_is_told_so_that_a_page_can_read_it(stage: Stage):
    stage.limits = Limits(max_body=8)
    stage.filter(cors=Cors(origins=("https://a.com",)))
    await stage.apply(await stage.upstream(echo))
    status, fields, _ = await stage.ask(
        request("POST", "/", "Origin: https://a.com", body=b"x" * 9)
    )
    assert (status, fields["access-control-allow-origin"]) == (413, "https://a.com")


async def test_where_nothing_is_carried_a_body_has_its_limit_as_well(stage: Stage):
    stage.limits = Limits(max_body=8)
    stage.routes = (Route("web", answer=FixedAnswer(200)),)
    await stage.apply()
    assert (await stage.ask(request("POST", "/", body=b"x" * 9)))[0] == 413
    assert (await stage.ask(request("POST", "/", body=b"x" * 8)))[0] == 200
