"""The link between daemon and proxy: model.link's messages as lines, with file descriptors.

One JSON object a line over an AF_UNIX stream; descriptors travel by SCM_RIGHTS with the line's
first byte. The daemon's end outlives the daemon: a successor takes it up in mid-stream. So each
side opens with an empty line, which ends whatever a predecessor left torn, and a line that is
no known message is skipped and its descriptors are closed.
"""

import json
import os
import socket
import sys
import typing
from array import array
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import trio

from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.link import Message

LINE_LIMIT = 8 * 1024 * 1024
MOST_FDS = 253  # SCM_MAX_FD of unix(7)
_READ_SIZE = 65536
_KINDS = {kind.__name__: kind for kind in typing.get_args(Message)}
_CLOEXEC = socket.MSG_CMSG_CLOEXEC if sys.platform == "linux" else 0


class LinkClosed(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The other side is gone, or this one was closed."""


class Link:
    """One end of the link. It owns `sock`; any task may send, one task receives."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = trio.socket.from_stdlib_socket(sock)
        self._sending = trio.Lock()
        self._torn = True  # what stands on the wire may lack its end
        self._splitter = _Splitter()

    def fileno(self) -> int:
        """Return the socket's descriptor, to watch it by."""
        return self._sock.fileno()

    async def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send one message with copies of `fds`; the caller keeps its own.

        Raises LinkClosed, and ValueError for more than 253 descriptors or a line over 8 MiB.
        A cancelled call may leave a torn line, which the next one ends.
        """
        line = _to_line(message, len(fds))
        if len(fds) > MOST_FDS or len(line) > LINE_LIMIT:
            raise ValueError(f"{len(line)} bytes and {len(fds)} descriptors are too much at once")
        async with self._sending:
            try:
                if self._torn:
                    await self._send_all(b"\n")
                self._torn = True
                await self._send_all(line, fds)
                self._torn = False
            except (OSError, trio.ClosedResourceError) as error:
                raise LinkClosed(str(error)) from error

    async def receive(self) -> tuple[Message, list[int]]:
        """Return the next message and its descriptors, which now belong to the caller.

        Raises LinkClosed when the other side is gone.
        """
        while True:
            while self._splitter.lines:
                line, fds = self._splitter.lines.popleft()
                message = _from_line(line, len(fds))
                if message is not None:
                    return message, fds
                _close(fds)
            chunk, fds = await self._receive_some()
            if not chunk:
                raise LinkClosed("the other side closed the link")
            self._splitter.take(chunk, fds)

    def close(self) -> None:
        """Close this end, and the descriptors that came and were not asked for."""
        self._sock.close()
        self._splitter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def _send_all(self, data: bytes, fds: Sequence[int] = ()) -> None:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))
        ancillary = [rights] if fds else []
        sent = await self._sock.sendmsg([data], ancillary)
        rest = memoryview(data)
        while sent < len(data):
            sent += await self._sock.send(rest[sent:])

    async def _receive_some(self) -> tuple[bytes, list[int]]:
        space = socket.CMSG_SPACE(MOST_FDS * array("i").itemsize)
        try:
            chunk, ancillary, _, _ = await self._sock.recvmsg(_READ_SIZE, space, _CLOEXEC)
        except (OSError, trio.ClosedResourceError) as error:
            raise LinkClosed(str(error)) from error
        fds = array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        for fd in fds if not _CLOEXEC else ():
            os.set_inheritable(fd, False)
        return chunk, fds.tolist()


class _Splitter:
    """Bytes and descriptors as they come -> whole lines, each with its own descriptors."""

    def __init__(self) -> None:
        self.lines: deque[tuple[bytes, list[int]]] = deque()
        self._line = bytearray()
        self._fds: list[int] = []

    def take(self, chunk: bytes, fds: list[int]) -> None:
        """Split what one recvmsg(2) gave.

        Linux ends such a read behind the bytes that were sent with descriptors. A sender gives
        them to the first byte of a line, so they belong to the last line begun in the chunk.
        """
        pieces = chunk.split(b"\n")
        owner = len(pieces) - (1 if pieces[-1] else 2)
        for index, piece in enumerate(pieces):
            if index:
                self.lines.append((bytes(self._line), self._fds))
                self._line, self._fds = bytearray(), []
            self._line += piece
            if index == owner:
                self._fds += fds
        if len(self._line) > LINE_LIMIT:
            self._line[:] = b"?"  # no message any more, whatever follows

    def close(self) -> None:
        """Close every descriptor that nobody took."""
        _close(self._fds)
        for _, fds in self.lines:
            _close(fds)
        self._fds = []
        self.lines.clear()


def _to_line(message: Message, fds: int) -> bytes:
    plain = {"kind": type(message).__name__, "fds": fds, **to_plain(message)}
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def _from_line(line: bytes, fds: int) -> Message | None:
    """Return the message of a line, None where it is none or came with other descriptors."""
    try:
        plain = json.loads(line)
        if plain["fds"] != fds:
            return None
        message: Message = from_plain(_KINDS[plain["kind"]], plain)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return message


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
