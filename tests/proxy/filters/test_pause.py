"""proxy/filters/pause.py: requests of a paused route."""

from dataclasses import replace

import trio
from helpers import auntil
from stage import Stage, echo, request

from webqx_supervisor.model.gateway import Pause, Route

OPEN = Route("web", "api")


async def pauses(stage: Stage, upstream, **pause):
    stage.routes = (replace(OPEN, pause=Pause("api", **pause)),)
    await stage.apply(upstream)


async def test_a_paused_route_says_when_to_come_again(stage: Stage):
    await pauses(stage, await stage.upstream(echo), retry_after=120.0, reason="back at nine")
    status, fields, body = await stage.ask(request())
    assert (status, fields["retry-after"]) == (503, "120")
    assert b"back at nine" in body
    await stage.apply()  # it is said whether there are workers or not
    assert (await stage.ask(request()))[0] == 503


async def test_a_held_request_goes_on_when_the_pause_ends(stage: Stage):
    upstream = await stage.upstream(echo)
    await pauses(stage, upstream, hold=60.0)
    client = await stage.connect()
    await client.send(request("POST", "/held", body=b"once"))
    await auntil(lambda: any(each.busy for each in stage.proxy.gateway.clients))
    stage.routes = (OPEN,)
    await stage.apply(upstream)
    status, _, body = await client.answer()
    assert status == 200
    assert body.endswith(b"once")
    assert upstream.connections == 1


async def test_a_request_is_held_for_so_long_and_no_longer(stage: Stage):
    await pauses(stage, await stage.upstream(echo), hold=0.05)
    status, fields, _ = await stage.ask(request())
    assert (status, fields["retry-after"]) == (503, "30")


async def test_another_pause_in_its_place_holds_on(stage: Stage):
    upstream = await stage.upstream(echo)
    await pauses(stage, upstream, hold=60.0)
    client = await stage.connect()
    await client.send(request())
    await auntil(lambda: any(each.busy for each in stage.proxy.gateway.clients))
    await pauses(stage, upstream, hold=60.0, reason="still")
    stage.routes = (OPEN,)
    await stage.apply(upstream)
    assert (await client.answer())[0] == 200


async def test_who_goes_away_while_held_is_forgotten(stage: Stage):
    await pauses(stage, await stage.upstream(echo), hold=60.0)
    client = await stage.connect()
    await client.send(request())
    await auntil(lambda: any(each.busy for each in stage.proxy.gateway.clients))
    client.stream.setsockopt(
        trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
    )  # a reset, as by a browser that is closed
    await trio.aclose_forcefully(client.stream)
    await auntil(lambda: not stage.proxy.gateway.clients)
