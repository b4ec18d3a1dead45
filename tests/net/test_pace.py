import pytest
import trio

from webqx_supervisor.net.channel import Stalled
from webqx_supervisor.net.pace import GRACE, Pace

RATE = 100
SILENCE = 60


async def trickle(arena, peer, octets: int, every: float) -> None:
    while True:
        await arena.reactor.sleep(every)
        peer.send(bytes(octets))


async def receive(pace: Pace, channel) -> None:
    while True:
        pace.moved(len(await pace.recv(channel, 65536)))


async def wait(pace: Pace, channel) -> None:
    while True:
        if not channel.readable:
            await pace.wait(channel)
        pace.moved(len(await channel.recv(65536, 0)))


ways = pytest.mark.parametrize("way", [receive, wait])


@ways
async def test_who_sends_too_little_is_stopped_when_the_average_falls_below(
    arena, autojump_clock, way
):
    channel, peer = arena.pair()
    task = arena.reactor.spawn(trickle(arena, peer, RATE // 2, 1))
    began = trio.current_time()
    with pytest.raises(Stalled, match="less than 100 octets/s"):
        await arena.result(way(Pace(arena.reactor, SILENCE, RATE), channel))
    # Half the rate: each second that counts is paid for by half.
    assert 2 * GRACE - 1.5 < trio.current_time() - began < 2 * GRACE + 1.5
    task.cancel()


@ways
async def test_who_keeps_the_pace_may_take_all_day(arena, autojump_clock, way):
    channel, peer = arena.pair()
    sending = arena.reactor.spawn(trickle(arena, peer, 2 * RATE, 1))
    receiving = arena.reactor.spawn(way(Pace(arena.reactor, SILENCE, RATE), channel))
    await trio.sleep(1000)
    assert not receiving.done
    receiving.cancel()
    sending.cancel()


@ways
async def test_what_came_early_does_not_buy_an_endless_silence(arena, autojump_clock, way):
    channel, peer = arena.pair()
    peer.send(bytes(60_000))  # 600 s worth of it
    began = trio.current_time()
    with pytest.raises(Stalled, match="silent for 60 s"):
        await arena.result(way(Pace(arena.reactor, SILENCE, RATE), channel))
    assert 59 < trio.current_time() - began < 62


@ways
async def test_time_in_which_nobody_waited_for_the_source_does_not_count(
    arena, autojump_clock, way
):
    pace = Pace(arena.reactor, SILENCE, RATE)
    channel, peer = arena.pair()
    peer.send(b"first")

    async def busy() -> None:
        for _ in range(10):
            pace.moved(len(await pace.recv(channel, 65536)))
            await arena.reactor.sleep(100)
            peer.send(b"next")
        await way(pace, channel)

    began = trio.current_time()
    with pytest.raises(Stalled):
        await arena.result(busy())
    assert 1000 + GRACE - 1 < trio.current_time() - began < 1000 + GRACE + 2


@ways
async def test_without_a_rate_only_silence_counts(arena, autojump_clock, way):
    channel, peer = arena.pair()
    sending = arena.reactor.spawn(trickle(arena, peer, 1, SILENCE - 1))
    receiving = arena.reactor.spawn(way(Pace(arena.reactor, SILENCE, 0), channel))
    await trio.sleep(1000)
    assert not receiving.done
    sending.cancel()
    with pytest.raises(Stalled, match="silent"):
        await arena.result(way(Pace(arena.reactor, 1, 0), arena.pair()[0]))
    receiving.cancel()
