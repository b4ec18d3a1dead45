import hashlib
import os
import resource
import socket
import sys

import pytest

from webqx_supervisor.net import pipe
from webqx_supervisor.net.channel import Broken, Stalled
from webqx_supervisor.net.reactor import FOREVER
from webqx_supervisor.net.relay import SPLICE_FROM, relay

WAITS = (FOREVER, FOREVER)


def ignore(_count: int) -> None:
    pass


async def push(arena, peer: socket.socket, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        try:
            view = view[peer.send(view) :]
        except BlockingIOError:
            await arena.reactor.yield_turn()


async def pull(arena, peer: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        try:
            got.extend(peer.recv(min(30_000, count - len(got))))
        except BlockingIOError:
            await arena.reactor.yield_turn()
    return bytes(got)


@pytest.mark.parametrize("size", [1, SPLICE_FROM - 1, SPLICE_FROM, 20_000_000])
async def test_every_octet_arrives_in_its_order_and_none_behind_the_limit_is_taken(arena, size):
    source, giver = arena.pair()
    sink, taker = arena.pair()
    octets = os.urandom(size)
    moved = []
    arena.reactor.spawn(push(arena, giver, octets + b"behind"))

    async def carry() -> tuple[bool, bytes, bytes]:
        pulling = []

        async def take() -> None:
            pulling.append(await pull(arena, taker, size))

        task = arena.reactor.spawn(take())
        whole = await relay(source, sink, size, WAITS, moved.append)
        await task.join()
        return whole, pulling[0], await source.recv(10, FOREVER)

    whole, got, behind = await arena.result(carry())
    assert whole
    assert hashlib.sha256(got).digest() == hashlib.sha256(octets).digest()
    assert behind == b"behind"
    assert sum(moved) == size


@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_a_source_that_ends_early_is_told_apart(arena, size):
    source, giver = arena.pair()
    sink, taker = arena.pair()
    giver.send(b"some")
    giver.close()
    assert not await arena.result(relay(source, sink, size, WAITS, ignore))
    assert taker.recv(10) == b"some"


@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_a_silent_source_and_a_stubborn_sink_stall_under_their_own_names(
    arena, autojump_clock, size
):
    source, giver = arena.pair()
    sink, _taker = arena.pair()
    with pytest.raises(Stalled) as stalled:
        await arena.result(relay(source, sink, size, (1, 5), ignore))
    assert stalled.value.channel is source
    giver.send(bytes(100_000))
    await arena.result(fill(sink))
    with pytest.raises(Stalled) as stalled:
        await arena.result(relay(source, sink, size, (5, 1), ignore))
    assert stalled.value.channel is sink


async def fill(sink) -> None:
    while sink.send(bytes(65536)):
        pass


@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_a_broken_sink_is_named(arena, size):
    source, giver = arena.pair()
    sink, taker = arena.pair()
    giver.send(b"some")
    taker.close()
    with pytest.raises(Broken) as broken:
        await arena.result(relay(source, sink, size, WAITS, ignore))
    assert broken.value.channel is sink


@pytest.mark.skipif(sys.platform != "linux", reason="splice(2) is Linux")
async def test_pipes_are_kept_for_the_next_and_only_empty_ones(arena):
    source, giver = arena.pair()
    sink, taker = arena.pair()
    giver.send(b"some")
    giver.close()
    await arena.result(relay(source, sink, SPLICE_FROM, WAITS, ignore))
    with pytest.raises(BlockingIOError):
        os.read(pipe._idle[-1]._read, 1)
    assert taker.recv(10) == b"some"


@pytest.mark.skipif(sys.platform != "linux", reason="splice(2) is Linux")
async def test_without_descriptors_for_a_pipe_octets_are_copied(arena):
    source, giver = arena.pair()
    sink, taker = arena.pair()
    giver.send(b"some")
    giver.close()
    kept, pipe._idle[:] = pipe._idle[:], []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert not await arena.result(relay(source, sink, SPLICE_FROM, WAITS, ignore))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        pipe._idle[:] = kept
    assert taker.recv(10) == b"some"
