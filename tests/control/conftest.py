"""A control server in this process, and raw conversations with it."""

import json
from collections.abc import AsyncIterator

import pytest
import trio

from webqx_supervisor.control.server import Call, Handler, Reply, Stream, serve


class Door:
    """A served socket whose answers a test gives by path."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.calls: list[Call] = []
        self.answers: dict[str, Handler] = {}

    async def handle(self, call: Call) -> Reply | Stream:
        self.calls.append(call)
        if call.path in self.answers:
            return await self.answers[call.path](call)
        return Reply({"path": call.path})

    async def open(self) -> trio.SocketStream:
        return await trio.open_unix_socket(self.path)

    async def talk(self, request: bytes) -> bytes:
        """Send bytes, and return all that comes until the server closes."""
        async with await self.open() as stream:
            await stream.send_all(request)
            return b"".join([bytes(piece) async for piece in stream])

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], object]:
        """Send one request that ends the connection; return status, fields and JSON value."""
        head, _, content = (await self.talk(request)).partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        return int(start.split()[1]), fields, json.loads(content)


@pytest.fixture
async def door(tmp_path, nursery) -> AsyncIterator[Door]:
    door = Door(str(tmp_path / "control"))
    await nursery.start(serve, door.path, door.handle)
    return door
