"""The daemon's door: HTTP on a Unix socket, in real conversations."""

import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest
import trio

from webqx_supervisor.control.server import BODY_LIMIT, Call, Reply, Stream, serve
from webqx_supervisor.model.errors import ConfigError, NoSuchService, Problem, WebqxError


def get(target: str, *, close: bool = True) -> bytes:
    end = "Connection: close\r\n" if close else ""
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n{end}\r\n".encode()


def post(target: str, body: bytes, fields: str = "") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def raising(error: Exception):
    async def handle(_call: Call) -> Reply:
        raise error

    return handle


class Pieces:
    """A stream whose pieces a test sends; it tells when it was closed."""

    def __init__(self) -> None:
        self.send, self._receive = trio.open_memory_channel[bytes](0)
        self.closed = trio.Event()

    async def handle(self, _call: Call) -> Stream:
        return Stream("text/plain", self._run())

    async def _run(self):
        try:
            async for piece in self._receive:
                yield piece
        finally:
            self.closed.set()


async def test_a_call_reaches_the_handler_whole(door):
    status, fields, answer = await door.ask(get("/logs?worker=api%3A1&n=100&follow="))
    assert (status, answer) == (200, {"path": "/logs"})
    assert fields["Content-Type"] == "application/json"
    query = {"worker": "api:1", "n": "100", "follow": ""}
    assert door.calls == [Call("GET", "/logs", query, None, os.geteuid(), pid=os.getpid())]


async def test_a_body_is_read_as_json(door):
    await door.ask(post("/scale", b'{"service": "api", "instances": "+1"}'))
    assert door.calls[0].body == {"service": "api", "instances": "+1"}


async def test_a_chunked_body_is_read_as_json(door):
    head = b"POST /stop HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    await door.ask(head + b"\r\n4\r\n[1, \r\n2\r\n2]\r\n0\r\n\r\n")
    assert door.calls[0].body == [1, 2]


async def test_a_body_is_asked_for_when_the_client_waits(door):
    async with await door.open() as stream:
        head, _, body = post("/stop", b"[]", "Expect: 100-continue\r\n").rpartition(b"\r\n\r\n")
        await stream.send_all(head + b"\r\n\r\n")
        assert await stream.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send_all(body)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")


async def test_a_connection_carries_many_requests(door):
    both = get("/status", close=False) + get("/ping")
    answers = await door.talk(both)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert [call.path for call in door.calls] == ["/status", "/ping"]


async def test_a_request_may_come_byte_by_byte(door):
    async with await door.open() as stream:
        for byte in post("/stop", b'{"services": []}'):
            await stream.send_all(bytes([byte]))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")


async def test_an_unknown_path_is_404(door):
    status, _, answer = await door.ask(get("/statsu"))
    assert (status, answer["error"]["message"]) == (404, "there is no /statsu here")
    assert door.calls == []


async def test_a_wrong_method_is_405_and_told_the_right_one(door):
    status, fields, answer = await door.ask(post("/status", b""))
    assert (status, fields["Allow"]) == (405, "GET")
    assert answer["error"]["message"] == "/status takes GET, not POST"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /ping HTTP/1.1\r\n\r\n", 400),
        (b"GET /ping HTTP/1.0\r\n\r\n", 505),
        (b"GET /ping HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000, 431),
        (post("/stop", b"{services"), 400),
        (post("/stop", b"\xff"), 400),
        (post("/stop", b"").replace(b": 0", f": {BODY_LIMIT + 1}".encode()), 413),
    ],
    ids=["no http", "no host", "old", "long", "no json", "no text", "large"],
)
async def test_what_cannot_be_read_is_refused_and_the_connection_closed(
    door, request_bytes, status
):
    found, fields, answer = await door.ask(request_bytes)
    assert (found, fields["Connection"]) == (status, "close")
    assert answer["error"]["kind"] == "UsageError"
    assert door.calls == []


async def test_a_chunked_body_without_end_is_refused(door):
    head = b"POST /stop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with await door.open() as stream, trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, head + b"100000\r\n" + b" " * 0x100000 + b"\r\n1\r\n ")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [(NoSuchService("no apj"), 404, 4), (WebqxError("broken"), 500, 1)],
)
async def test_an_error_is_answered_with_its_status_and_exit_code(door, error, status, exit_code):
    door.answers["/describe"] = raising(error)
    found, _, answer = await door.ask(get("/describe"))
    assert found == status
    assert answer["error"] == {
        "kind": type(error).__name__,
        "message": str(error),
        "exit_code": exit_code,
    }


async def test_a_wrong_configuration_lists_its_problems(door):
    door.answers["/apply"] = raising(ConfigError([Problem("f.toml", 3, "a.b", "odd")]))
    status, _, answer = await door.ask(post("/apply", b"{}"))
    assert (status, answer["error"]["exit_code"]) == (422, 78)
    assert answer["error"]["problems"] == [
        {"file": "f.toml", "line": 3, "key": "a.b", "message": "odd"}
    ]


async def test_a_broken_handler_is_logged_and_the_server_lives_on(door, caplog):
    door.answers["/status"] = raising(ZeroDivisionError("secret"))
    async with await door.open() as stream:
        await stream.send_all(get("/status", close=False))
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"internal error" in answer
        assert b"secret" not in answer
        await stream.send_all(get("/ping"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
    assert "ZeroDivisionError: secret" in caplog.text


async def test_a_payload_that_is_no_json_is_a_broken_handler(door, caplog):
    async def handle(_call: Call) -> Reply:
        return Reply({"odd": object()})

    door.answers["/status"] = handle
    status, _, _ = await door.ask(get("/status"))
    assert status == 500
    assert "not JSON serializable" in caplog.text


async def test_a_call_outlives_its_client(door):
    begun, hung_up, done, after = trio.Event(), trio.Event(), trio.Event(), trio.Event()

    async def handle(_call: Call) -> Reply:
        begun.set()
        await hung_up.wait()
        await trio.lowlevel.checkpoint()
        done.set()
        return Reply({}, after=after.set)

    door.answers["/stop"] = handle
    stream = await door.open()
    await stream.send_all(post("/stop", b""))
    await begun.wait()
    await stream.aclose()
    hung_up.set()
    await done.wait()
    await after.wait()
    assert (await door.talk(get("/ping"))).startswith(b"HTTP/1.1 200 ")


async def test_what_comes_after_comes_after_the_answer(door):
    gone = trio.Event()

    async def handle(_call: Call) -> Reply:
        return Reply({"stopped": []}, after=gone.set)

    door.answers["/stop"] = handle
    answer = await door.talk(post("/stop", b""))
    assert answer.endswith(b'{"stopped": []}\n')
    assert gone.is_set()


async def test_pieces_come_as_they_are_made(door):
    pieces = Pieces()
    door.answers["/logs"] = pieces.handle
    async with await door.open() as stream:
        await stream.send_all(get("/logs", close=False))
        head = await stream.receive_some()
        assert b"Content-Type: text/plain\r\n" in head
        assert head.endswith(b"Transfer-Encoding: chunked\r\n\r\n")
        await pieces.send.send(b"one\n")
        assert await stream.receive_some() == b"4\r\none\n\r\n"
        await pieces.send.send(b"")
        await pieces.send.send(b"two\n")
        assert await stream.receive_some() == b"4\r\ntwo\n\r\n"
        await pieces.send.aclose()
        assert await stream.receive_some() == b"0\r\n\r\n"
        await stream.send_all(get("/ping"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")


async def test_a_silent_stream_ends_when_its_client_hangs_up(door):
    pieces = Pieces()
    door.answers["/events"] = pieces.handle
    async with await door.open() as stream:
        await stream.send_all(get("/events"))
        await stream.receive_some()
    await pieces.closed.wait()


async def test_a_stream_that_nobody_reads_ends_when_its_client_hangs_up(door):
    closed = trio.Event()

    async def flood():
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.set()

    async def handle(_call: Call) -> Stream:
        return Stream("text/plain", flood())

    door.answers["/logs"] = handle
    async with await door.open() as stream:
        await stream.send_all(get("/logs"))
        await stream.receive_some()
    await closed.wait()


async def test_a_request_behind_a_stream_waits_for_its_end(door):
    pieces = Pieces()
    door.answers["/events"] = pieces.handle
    async with await door.open() as stream, trio.open_nursery() as nursery:
        await stream.send_all(get("/events", close=False) + get("/ping", close=False))
        await stream.send_all(get("/status"))
        nursery.start_soon(pieces.send.aclose)
        answers = b"".join([bytes(piece) async for piece in stream])
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert [call.path for call in door.calls] == ["/events", "/ping", "/status"]


async def test_a_stream_that_breaks_off_lacks_its_end_and_is_logged(door, caplog):
    async def broken():
        yield b"one"
        raise ZeroDivisionError("odd")

    async def handle(_call: Call) -> Stream:
        return Stream("text/plain", broken())

    door.answers["/logs"] = handle
    answer = await door.talk(get("/logs", close=False))
    assert answer.endswith(b"3\r\none\r\n")
    assert "ZeroDivisionError: odd" in caplog.text


async def test_the_socket_is_the_owners_and_leaves_with_the_server(tmp_path, door):
    path = trio.Path(tmp_path / "second")
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, str(path), door.handle)
        assert (await path.stat()).st_mode & 0o777 == 0o600
        nursery.cancel_scope.cancel()
    assert not await path.exists()


async def test_a_successors_socket_is_left_in_place(tmp_path, door):
    path = tmp_path / "second"
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, str(path), door.handle)
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
            nursery.cancel_scope.cancel()
    assert path.exists()


async def test_a_live_door_is_not_taken_over(door):
    with pytest.raises(WebqxError, match="already"):
        await serve(door.path, door.handle)
    assert (await door.talk(get("/ping"))).startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def public_folder():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield folder


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can be another user"
)
async def test_another_user_is_turned_away(door, public_folder, nursery):
    path = f"{public_folder}/control"
    await nursery.start(serve, path, door.handle)
    await trio.Path(path).chmod(0o666)
    script = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
        "s.connect(sys.argv[1]); s.sendall(b'GET /ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');"
        "print('answer', s.recv(100))"
    )
    told = await trio.run_process(
        [sys.executable, "-c", script, path],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert b"PermissionError" not in told.stderr  # it came as far as the door
    assert told.stdout in (b"answer b''\n", b"")  # closed before, or after, it had spoken
    assert door.calls == []
