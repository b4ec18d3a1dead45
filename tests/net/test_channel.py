import errno
import socket
import struct

import pytest
from helpers import free_port

from webqx_supervisor.net.channel import Broken, Channel, Stalled, connect
from webqx_supervisor.net.poller import ENDED
from webqx_supervisor.net.reactor import FOREVER


async def test_recv_returns_what_is_there_then_waits_then_the_end(arena):
    channel, peer = arena.pair()

    async def read() -> list[bytes]:
        got = [await channel.recv(100, FOREVER)]
        arena.reactor.spawn(later())
        got.append(await channel.recv(100, FOREVER))
        got.append(await channel.recv(100, FOREVER))
        return got

    async def later() -> None:
        peer.send(b"second")
        peer.shutdown(socket.SHUT_WR)

    peer.send(b"first")
    assert await arena.result(read()) == [b"first", b"second", b""]


async def test_an_end_that_came_with_the_last_octets_is_not_missed(arena):
    channel, peer = arena.pair()
    peer.send(b"all")
    peer.close()

    async def read() -> list[bytes]:
        return [await channel.recv(100, FOREVER), await channel.recv(100, FOREVER)]

    assert await arena.result(read()) == [b"all", b""]


async def test_silence_is_stalled_and_names_the_channel(arena, autojump_clock):
    channel, _peer = arena.pair()
    with pytest.raises(Stalled, match="silent for 5 s") as stalled:
        await arena.result(channel.recv(100, 5))
    assert stalled.value.channel is channel


async def test_send_all_waits_for_a_slow_reader_and_loses_nothing(arena):
    channel, peer = arena.pair()
    octets = bytes(range(256)) * 10_000
    got = bytearray()

    async def reader() -> None:
        while len(got) < len(octets):
            try:
                got.extend(peer.recv(50_000))
            except BlockingIOError:
                await arena.reactor.yield_turn()

    task = arena.reactor.spawn(reader())
    await arena.result(channel.send_all(octets, FOREVER))
    await arena.result(task.join())
    assert bytes(got) == octets


async def test_a_peer_that_takes_nothing_stalls_the_sender(arena, autojump_clock):
    channel, _peer = arena.pair()
    with pytest.raises(Stalled, match="took nothing"):
        await arena.result(channel.send_all(bytes(10_000_000), 5))


async def test_sending_to_a_peer_that_is_gone_is_broken(arena):
    channel, peer = arena.pair()
    peer.close()
    with pytest.raises(Broken, match="Broken pipe"):
        await arena.result(channel.send_all(b"x", FOREVER))


async def test_one_task_reads_while_another_writes(arena):
    channel, peer = arena.pair()

    async def both() -> bytes:
        writer = arena.reactor.spawn(channel.send_all(bytes(1_000_000), FOREVER))
        arena.reactor.spawn(answer())
        heard = await channel.recv(10, FOREVER)
        await writer.join()
        return heard

    async def answer() -> None:
        peer.send(b"meanwhile")
        left = 1_000_000
        while left:
            try:
                left -= len(peer.recv(100_000))
            except BlockingIOError:
                await arena.reactor.yield_turn()

    assert await arena.result(both()) == b"meanwhile"


async def test_closing_wakes_who_waits(arena):
    channel, _peer = arena.pair()

    async def close() -> None:
        channel.close()

    async def read() -> None:
        arena.reactor.spawn(close())
        await channel.recv(1, FOREVER)

    with pytest.raises(Broken, match="closed"):
        await arena.result(read())


async def test_the_hook_hears_of_the_end_while_nobody_reads(arena):
    channel, peer = arena.pair()
    heard = []
    channel.hook(ENDED, lambda *edge: heard.append(edge))
    peer.close()
    await arena.result(arena.reactor.sleep(0.05))
    assert heard[0][0] is channel
    assert heard[0][1] & ENDED
    assert channel.ended
    channel.unhook()


async def test_quiet_is_open_with_nothing_to_read(arena):
    channel, peer = arena.pair()
    assert channel.is_quiet()
    peer.send(b"x")
    assert not channel.is_quiet()
    assert await arena.result(channel.recv(1, FOREVER)) == b"x"
    assert channel.is_quiet()
    peer.close()
    assert not channel.is_quiet()


async def test_a_closed_descriptors_number_is_not_reused_within_its_round(arena):
    channel, peer = arena.pair()
    number = channel.fd

    async def close_and_open() -> int:
        channel.close()
        with socket.socket() as other:
            return other.fileno()

    peer.send(b"an edge that nobody should hear")
    assert await arena.result(close_and_open()) != number


async def test_connect_reaches_a_listener(arena):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        channel = await arena.result(connect(arena.reactor, "127.0.0.1", port, 5))
        accepted, _ = listening.accept()
        with accepted:
            await arena.result(channel.send_all(b"hello", 5))
            assert accepted.recv(10) == b"hello"


async def test_connect_to_a_closed_port_is_refused(arena):
    with pytest.raises(ConnectionError) as refused:
        await arena.result(connect(arena.reactor, "127.0.0.1", free_port(), 5))
    assert refused.value.errno == errno.ECONNREFUSED


async def test_connect_to_a_full_backlog_times_out(arena, autojump_clock):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as filler:
        port = full.getsockname()[1]
        filler.connect(("127.0.0.1", port))

        async def connect_until_full() -> None:
            while True:
                await connect(arena.reactor, "127.0.0.1", port, 2)

        with pytest.raises(TimeoutError):
            await arena.result(connect_until_full())


async def test_abort_resets(arena):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        channel: Channel = await arena.result(connect(arena.reactor, "127.0.0.1", port, 5))
        accepted, _ = listening.accept()
        with accepted:
            channel.abort()
            with pytest.raises(ConnectionResetError):
                accepted.recv(1)


async def test_a_reset_is_broken(arena):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        channel = await arena.result(connect(arena.reactor, "127.0.0.1", port, 5))
        accepted, _ = listening.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        with pytest.raises(Broken, match="reset"):
            await arena.result(channel.recv(1, 5))


async def test_a_reader_that_never_has_to_wait_lets_others_run(arena):
    channel, peer = arena.pair()
    peer.send(bytes(200))
    seen = []

    async def read() -> None:
        arena.reactor.spawn(note())
        for _ in range(200):
            await channel.recv(1, FOREVER)
        seen.append("read all")

    async def note() -> None:
        seen.append("had a turn")

    await arena.result(read())
    assert seen == ["had a turn", "read all"]


async def test_nothing_is_sent_after_closing(arena):
    channel, peer = arena.pair()

    async def close_and_send() -> None:
        channel.close()
        await channel.send_all(b"too late", FOREVER)

    with pytest.raises(Broken, match="closed"):
        await arena.result(close_and_send())
    assert peer.recv(10) == b""
