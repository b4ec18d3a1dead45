"""What a process says of itself, over real sockets and pipes."""

import os
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio
from fakes import service

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.core.notify import Notice
from webqx_supervisor.daemon import channels
from webqx_supervisor.daemon.journal import Said
from webqx_supervisor.daemon.voice import IPC, NOTIFY, PIPE, Voice, channel_name
from webqx_supervisor.model.readiness import Access, Check, Means, Readiness
from webqx_supervisor.process.identity import identify
from webqx_supervisor.process.notify import NotifySocket

EVERYTHING = Readiness(startup=Check(Means.FD, fd=3), ready=Check(Means.IPC), watchdog=30)


def spoken(said):
    return replace(service(), readiness=said)


def notify(address, text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + address[1:])
        sender.send(text)


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_process_gets_what_its_service_asks_for_and_nothing_stays_open():
    before = open_descriptors()
    with channels.opened(spoken(EVERYTHING)) as (voice, gifts):
        env = dict(gifts.env)
        assert env["WATCHDOG_USEC"] == "30000000"
        assert env["NODE_CHANNEL_FD"] == "9"
        assert env["NOTIFY_SOCKET"].startswith("@")
        assert [number for number, _ in gifts.descriptors] == [3, 9]
        assert gifts.pid_variable == ""
    voice.close()
    assert open_descriptors() == before
    with channels.opened(spoken(Readiness())) as (_, gifts):
        assert (gifts.env, gifts.descriptors) == ((), ())
    with channels.opened(spoken(Readiness(watchdog=1, access=Access.MAIN))) as (voice, gifts):
        assert gifts.pid_variable == "WATCHDOG_PID"
    voice.close()


def test_of_one_that_is_not_born_nothing_stays_open():
    before = open_descriptors()
    with pytest.raises(RuntimeError), channels.opened(spoken(EVERYTHING)):
        raise RuntimeError
    assert open_descriptors() == before


async def test_the_channels_are_kept_and_can_be_taken_up():
    kept = FdStore("")
    with channels.opened(spoken(EVERYTHING)) as (voice, gifts):
        address = dict(gifts.env)["NOTIFY_SOCKET"]
    voice.belong(identify(os.getpid()), "c0")
    voice.keep(kept)
    names = {name: os.dup(fd) for name, fd in kept.kept()}
    assert names.keys() == {channel_name("c0", each) for each in (NOTIFY, PIPE, IPC)}
    voice.close(kept)
    assert kept.kept() == []
    inherited = {**{name: [fd] for name, fd in names.items()}, "other": [0]}
    again = Voice.adopt(spoken(EVERYTHING), "c0", inherited)
    again.belong(identify(os.getpid()), "c0")
    assert inherited == {"other": [0]}
    assert not again.broken
    notify(address, b"STATUS=still here")
    again.hear_waiting()
    assert again.status == "still here"
    again.close()


async def test_what_was_said_is_known_to_whoever_takes_over():
    saved = []
    voice = Voice(watchdog=1)
    voice.on_told = lambda: saved.append(voice.said)
    voice.take(Notice(ready=True, status="up", watchdog=60.0))
    voice.take(Notice(stopping=True))
    assert saved[0].told == ("notify",)
    again = Voice(NotifySocket.open(), watchdog=1)
    again.recall(voice.said)
    assert again.said == voice.said == Said(("notify",), "up", stopping=True, watchdog=60.0)
    with trio.fail_after(1):
        await again.until_told(Check(Means.NOTIFY))
    again.close()


async def test_one_whose_channel_is_lost_can_no_more_say_that_it_is_ready_and_needs_not_go_on():
    lost = Voice.adopt(spoken(EVERYTHING), "c0", {})
    assert "lost with the keeper" in lost.broken["ipc"]
    assert lost.broken.keys() == {"ipc", "fd"}
    assert not lost.watchdog
    assert not lost.notifies


async def test_the_watchdog_counts_from_the_last_sign_of_life(autojump_clock):
    voice = Voice(watchdog=2.0)
    voice.heard_at = began = trio.current_time()

    async def feed():
        for _ in range(5):
            await trio.sleep(1.5)
            voice.take(Notice(alive=True))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed)
        assert await voice.until_silent(began) == "no WATCHDOG=1 for 2 s"
    assert trio.current_time() - began == pytest.approx(9.5)


async def test_a_worker_changes_its_watchdog_and_takes_itself_for_hung(autojump_clock):
    voice = Voice()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:

        async def until(words):
            assert await voice.until_silent(began) == words

        nursery.start_soon(until, "no WATCHDOG=1 for 0.5 s")
        await trio.sleep(100)  # there is none, so far
        voice.take(Notice(watchdog=0.5))
    voice.take(Notice(watchdog=50))
    with trio.move_on_after(40) as scope:
        await voice.until_silent(began)
    assert scope.cancelled_caught
    voice.take(Notice(trigger=True))
    assert await voice.until_silent(began) == "it said WATCHDOG=trigger"


async def test_what_came_while_the_daemon_slept_counts(autojump_clock):
    sock = NotifySocket.open()
    voice = Voice(sock, watchdog=1.0)
    voice.belong(identify(os.getpid()), "c0")
    notify(sock.address, b"WATCHDOG=1")  # nobody listens, as after a stop of the whole machine
    began = trio.current_time() - 100
    with trio.move_on_after(0.9) as scope:
        await voice.until_silent(began)
    assert scope.cancelled_caught
    voice.close()


async def test_a_flood_of_notices_leaves_others_their_turn():
    sock = NotifySocket.open()
    voice = Voice(sock)
    voice.belong(identify(os.getpid()), "c0")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(voice.listen)
        for number in range(300):
            await trio.to_thread.run_sync(
                partial(notify, sock.address, f"STATUS={number}".encode())
            )
        with trio.fail_after(20):
            await voice.until(lambda: voice.status == "299")
        nursery.cancel_scope.cancel()
    voice.close()


async def test_a_line_that_was_expected_is_told_wherever_it_comes(output, tmp_path):
    voice = Voice()
    voice.expect(["one", "t[wW]o$"], "c0", output.expect)
    reading, writing = os.pipe()
    output.attach("c0", "err", reading, tmp_path / "log", service().logs)
    os.write(writing, b"t")
    os.write(writing, b"wo\nthree one\n")
    with trio.fail_after(20):
        await voice.until_told(Check(Means.LOG, pattern="one"))
        await voice.until_told(Check(Means.LOG, pattern="t[wW]o$"))
    assert voice.said == Said(told=("log one", "log t[wW]o$"))
    os.close(writing)


async def test_output_without_a_file_leaves_nothing_but_its_last_lines(output, tmp_path):
    reading, writing = os.pipe()
    output.attach("c0", "out", reading, None, service().logs)
    os.write(writing, b"one\ntwo\n")
    os.close(writing)
    with trio.fail_after(20):
        await output.closed("c0")
    assert output.tail("c0") == ["one", "two"]
    assert list(tmp_path.iterdir()) == []
