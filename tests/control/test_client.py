"""The blocking client, against the real server in this process and against broken ones."""

import socket
import subprocess
import sys
import threading
from functools import partial

import pytest
import trio

from webqx_supervisor.control.client import Client
from webqx_supervisor.control.server import Call, Reply, Stream
from webqx_supervisor.model.errors import (
    ConfigError,
    DaemonNotRunning,
    NotReady,
    Problem,
    WebqxError,
)


async def called(door, *words, **options):
    return await trio.to_thread.run_sync(partial(Client(door.path).call, *words, **options))


@pytest.fixture
def scripted(tmp_path):
    """Start a server that sends one given answer to one caller, then hangs up."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "scripted"))
    listener.listen()
    threads = []

    def play(answer: bytes) -> Client:
        def run() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(65536)
                caller.sendall(answer)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return Client(str(tmp_path / "scripted"))

    with listener:
        yield play
        for thread in threads:
            thread.join(10)


async def test_a_call_returns_the_answers_value(door):
    assert await called(door, "GET", "/describe?service=api") == {"path": "/describe"}
    assert await called(door, "POST", "/stop", {"services": ["api"]}) == {"path": "/stop"}
    assert [(call.query, call.body) for call in door.calls] == [
        ({"service": "api"}, None),
        ({}, {"services": ["api"]}),
    ]


@pytest.mark.parametrize(
    "error",
    [
        NotReady("exited 7", ["Error: no database"]),
        ConfigError([Problem("services.toml", 4, "services.api", "odd")]),
    ],
    ids=["not ready", "configuration"],
)
async def test_the_daemons_error_is_raised_here(door, error):
    async def handle(_call: Call) -> Reply:
        raise error

    door.answers["/reload"] = handle
    with pytest.raises(type(error)) as caught:
        await called(door, "POST", "/reload", {})
    assert vars(caught.value) == vars(error)
    assert str(caught.value) == str(error)


async def test_a_large_answer_arrives_whole(door):
    async def handle(_call: Call) -> Reply:
        return Reply("x" * 3_000_000)

    door.answers["/status"] = handle
    assert await called(door, "GET", "/status") == "x" * 3_000_000


async def test_a_daemon_that_stays_silent_is_not_waited_for_longer_than_wanted(door):
    async def handle(_call: Call) -> Reply:
        await trio.sleep_forever()
        raise AssertionError

    door.answers["/status"] = handle
    with pytest.raises(WebqxError, match="did not answer in time"):
        await called(door, "GET", "/status", timeout=0.01)


async def test_a_stream_yields_what_comes_until_its_end(door):
    async def pieces():
        for number in range(200):
            yield b"%d\n" % number

    async def handle(_call: Call) -> Stream:
        return Stream("text/plain", pieces())

    door.answers["/logs"] = handle
    stream = await trio.to_thread.run_sync(Client(door.path).stream, "/logs?follow=1")
    text = await trio.to_thread.run_sync(b"".join, stream)
    assert text == b"".join(b"%d\n" % number for number in range(200))


async def test_a_refused_stream_raises_before_its_first_piece(door):
    async def handle(_call: Call) -> Stream:
        raise WebqxError("no such log")

    door.answers["/logs"] = handle
    with pytest.raises(WebqxError, match="no such log"):
        await trio.to_thread.run_sync(Client(door.path).stream, "/logs")


async def test_a_dropped_stream_hangs_up(door):
    closed = trio.Event()

    async def pieces():
        try:
            yield b"one"
            await trio.sleep_forever()
        finally:
            closed.set()

    async def handle(_call: Call) -> Stream:
        return Stream("text/plain", pieces())

    door.answers["/logs"] = handle
    stream = await trio.to_thread.run_sync(Client(door.path).stream, "/logs")
    assert await trio.to_thread.run_sync(next, stream) == b"one"
    stream.close()
    await closed.wait()


@pytest.mark.parametrize("stale", [False, True], ids=["nothing there", "a stale socket"])
def test_a_daemon_that_is_not_there_is_not_running(tmp_path, stale):
    path = str(tmp_path / "control")
    if stale:
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(path)
    with pytest.raises(DaemonNotRunning):
        Client(path).call("GET", "/ping")
    with pytest.raises(DaemonNotRunning):
        Client(path).stream("/logs")


def test_a_path_that_no_socket_can_have_is_named(tmp_path):
    with pytest.raises(WebqxError, match=r"cannot reach the daemon at /x{200}"):
        Client("/" + "x" * 200).call("GET", "/ping")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "went away"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "went away"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "went away"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "went away"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "makes no sense"),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "makes no sense"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "makes no sense"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]", "makes no sense"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", "no answer of this program"),
    ],
)
def test_a_broken_answer_is_an_error_in_words(scripted, answer, words):
    with pytest.raises(WebqxError, match=words):
        scripted(answer).call("GET", "/ping")


def test_a_stream_that_breaks_off_says_so_behind_its_pieces(scripted):
    stream = scripted(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntw"
    ).stream("/logs")
    seen = []

    def read() -> None:
        for piece in stream:
            seen.append(piece)  # noqa: PERF402 - what came before the break is looked at

    with pytest.raises(WebqxError, match="went away"):
        read()
    assert b"".join(seen) == b"onetw"


def test_the_client_imports_next_to_nothing():
    script = "import sys, webqx_supervisor.control.client; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = set(told.stdout.decode().split())
    assert loaded.isdisjoint({"trio", "click", "pydantic", "httpx", "psutil", "asyncio", "logging"})
    assert {name for name in loaded if name.startswith("webqx_supervisor.control.")} == {
        "webqx_supervisor.control.client",
        "webqx_supervisor.control.failure",
    }
