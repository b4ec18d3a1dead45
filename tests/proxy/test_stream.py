from contextlib import suppress

import trio
from helpers import auntil
from stage import Stage

from webqx_supervisor.model.gateway import Forwarding, Protocol
from webqx_supervisor.model.link import Idle


async def shout(peer) -> None:
    """Play a line server that answers in capitals, and says goodbye at the end of its input."""
    try:
        while True:
            line = await peer.until(b"\n")
            await peer.send(line.upper())
    except AssertionError:
        await peer.send(b"bye\n")


async def test_tcp_is_carried_both_ways_and_a_half_close_is_passed_on(stage: Stage):
    stage.protocol = Protocol.TCP
    await stage.apply(await stage.upstream(shout))
    client = await stage.connect()
    await client.send(b"hello\n")
    assert await client.until(b"\n") == b"HELLO\n"
    await client.stream.send_eof()
    assert await client.rest() == b"bye\n"
    await auntil(lambda: not stage.proxy.gateway.clients)
    assert " TCP - 0 10 " in stage.log_lines()[0]


async def test_the_worker_may_end_first(stage: Stage):
    stage.protocol = Protocol.TCP
    ended = trio.Event()

    async def greets(peer):
        await peer.send(b"hi\n")
        await peer.stream.send_eof()
        assert await peer.rest() == b"still here"
        ended.set()

    await stage.apply(await stage.upstream(greets))
    client = await stage.connect()
    assert await client.rest() == b"hi\n"
    await client.send(b"still here")
    await client.stream.send_eof()
    with trio.fail_after(5):
        await ended.wait()


async def test_connections_go_to_workers_that_accept(stage: Stage):
    stage.protocol = Protocol.TCP
    dead, alive = await stage.upstream(shout, "1"), await stage.upstream(shout, "2")
    await stage.apply(dead, alive)
    dead.kill()
    await auntil(lambda: not dead.accepts())
    for _ in range(4):
        client = await stage.connect()
        await client.send(b"x\n")
        assert await client.until(b"\n") == b"X\n"


async def test_a_connection_waits_for_a_worker(stage: Stage):
    stage.protocol = Protocol.TCP
    await stage.apply()
    client = await stage.connect()
    await client.send(b"early\n")
    await auntil(lambda: len(stage.proxy.gateway.upstreams.group("api").waiting))
    await stage.apply(await stage.upstream(shout))
    assert await client.until(b"\n") == b"EARLY\n"


async def test_a_connection_nobody_takes_is_reset(stage: Stage):
    stage.protocol = Protocol.TCP
    await stage.apply(expecting=False, reason="redis is stopped")
    with suppress(OSError):  # the reset may come before connect() has returned
        client = await stage.connect()
        assert await client.ended()
    await auntil(stage.log_lines)
    assert "redis is stopped" in stage.log_lines()[0]


async def test_a_tunnel_counts_as_in_flight_until_it_ends(stage: Stage):
    stage.protocol = Protocol.TCP
    worker = await stage.upstream(shout)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(b"x\n")
    await client.until(b"\n")
    await stage.apply(draining=[worker])
    assert Idle((worker.model.id,)) not in stage.said
    await client.stream.send_eof()
    await client.rest()
    await stage.hears(Idle((worker.model.id,)))


async def test_a_worker_that_dies_resets_its_tunnels(stage: Stage):
    stage.protocol = Protocol.TCP
    worker = await stage.upstream(shout)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(b"x\n")
    await client.until(b"\n")
    worker.kill()
    assert await client.ended()


async def test_silence_in_both_directions_ends_a_tunnel(stage: Stage):
    stage.protocol = Protocol.TCP
    stage.forwarding = Forwarding(tunnel_timeout=0.2)
    await stage.apply(await stage.upstream(shout))
    client = await stage.connect()
    await client.send(b"x\n")
    await client.until(b"\n")
    assert await client.ended()
