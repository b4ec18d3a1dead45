"""The daemon's door: HTTP/1.1 and JSON on a Unix socket, for its own user and root only.

A call outlives its client, since what was begun is finished; a stream ends with it.
"""

import json
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import trio

from webqx_supervisor.control import failure, socketfile
from webqx_supervisor.control.commands import methods
from webqx_supervisor.core.wire.framing import LAST_CHUNK, ChunkedDecoder, encode_chunk
from webqx_supervisor.core.wire.messages import CHUNKED, Malformed, RequestHead
from webqx_supervisor.core.wire.parser import HEAD_LIMIT, find_head, parse_request
from webqx_supervisor.core.wire.writer import (
    CONTINUE,
    render_own_head,
    render_simple_response,
)
from webqx_supervisor.model.errors import UsageError, WebqxError

BODY_LIMIT = 1024 * 1024
_READ_SIZE = 65536

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `body` is its JSON value, None without one; `uid` and `pid` are the caller's."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    uid: int
    fields: Sequence[tuple[bytes, bytes]] = field(default=(), compare=False, repr=False)
    pid: int = 0

    def field(self, name: bytes) -> str:
        """Return the value of a header field, "" for none and for several of that name."""
        found = [value for each, value in self.fields if each.lower() == name.lower()]
        return found[0].decode("latin-1") if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A JSON answer. `after` is called once it is sent or cannot be: to end the daemon, say."""

    payload: Any
    status: int = 200
    after: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A 200 answer in pieces; what can be refused is refused before the stream is returned."""

    content_type: str
    pieces: AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer that is no JSON: `extra` holds whole field lines."""

    content: bytes
    content_type: str
    status: int = 200
    extra: bytes = b""


Handler = Callable[[Call], Awaitable[Reply | Stream | Page]]


async def serve(
    path: str,
    handle: Handler,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer calls on the Unix socket `path` until cancelled; then its file is removed.

    A WebqxError from `handle` is answered with its status, anything else with 500. Raises
    WebqxError when somebody answers on `path` already, OSError when it cannot be bound.
    """
    sock = socketfile.bind(path)
    ours = socketfile.identity(path)

    async def accepted(stream: trio.SocketStream) -> None:
        uid, pid = socketfile.peer(stream)
        if uid in (os.geteuid(), 0):
            await Connection(stream, handle, uid, pid=pid).run()

    try:
        sock.setblocking(False)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, accepted, [listener])
            task_status.started()
    finally:
        sock.close()
        if socketfile.identity(path) == ours:
            os.unlink(path)  # noqa: PTH108 - an address of the socket API is a string


class Connection:
    """One client: requests come and are answered one after the other.

    `knows` returns the methods of a path; `extra` are field lines that each answer has.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        handle: Handler,
        uid: int,
        knows: Callable[[str], Sequence[str]] = methods,
        extra: bytes = b"",
        pid: int = 0,
    ) -> None:
        self._stream = stream
        self._handle = handle
        self._uid = uid
        self._pid = pid
        self._knows = knows
        self._extra = extra
        self._buffer = b""

    async def run(self) -> None:
        """Serve until either side has had enough."""
        with suppress(trio.BrokenResourceError):  # the client hung up
            try:
                while await self._exchange():
                    pass
            except Malformed as fault:
                await self._send(_failed(UsageError(fault.reason), fault.status), keep_alive=False)

    async def _exchange(self) -> bool:
        """Answer one request; return whether another may follow."""
        head = await self._read_head()
        if head is None:
            return False
        keep_alive = head.keep_alive and head.method != b"HEAD"  # which is refused, with content
        call = await self._read_call(head)
        answer = _refused(call, self._knows(call.path)) or await self._ask(call)
        if isinstance(answer, Stream):
            return await self._send_stream(answer) and keep_alive
        await self._send(answer, keep_alive=keep_alive)
        return keep_alive

    async def _ask(self, call: Call) -> "Stream | _Answer":
        try:
            answer = await self._handle(call)
            if isinstance(answer, Stream):
                return answer
            if isinstance(answer, Page):
                kind = answer.content_type.encode()
                return _Answer(answer.status, answer.content, answer.extra, kind=kind)
            return _Answer(answer.status, _encoded(answer.payload), after=answer.after)
        except WebqxError as error:
            return _failed(error, error.status)
        except Exception:  # one command may fail alone: every worker hangs on this process
            log.exception("%s %s failed", call.method, call.path)
            return _failed(WebqxError("internal error"), 500)

    async def _read_head(self) -> RequestHead | None:
        """Return the next head, None when the client is gone. Raises Malformed."""
        while (end := find_head(self._buffer, HEAD_LIMIT)) < 0:
            data = await self._stream.receive_some(_READ_SIZE)
            if not data:
                return None
            self._buffer += data
        head = parse_request(self._buffer[:end])
        self._buffer = self._buffer[end:]
        if not head.minor:
            raise Malformed(505, "only HTTP/1.1 is spoken here")
        return head

    async def _read_call(self, head: RequestHead) -> Call:
        """Read the body behind a head. Raises Malformed."""
        content = await self._read_body(head)
        try:
            body = json.loads(content) if content else None
        except ValueError as error:
            raise Malformed(400, f"the body is not JSON: {error}") from None
        query = head.target.partition(b"?")[2].decode("ascii")
        return Call(
            method=head.method.decode("ascii"),
            path=head.path,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            body=body,
            uid=self._uid,
            pid=self._pid,
            fields=head.headers,
        )

    async def _read_body(self, head: RequestHead) -> bytes:
        if head.length > BODY_LIMIT:
            raise Malformed(413, "the body is too large")
        if head.expects_continue and not self._buffer:
            await self._stream.send_all(CONTINUE)
        if head.length != CHUNKED:
            while len(self._buffer) < head.length:
                self._buffer += await self._receive()
            content, self._buffer = self._buffer[: head.length], self._buffer[head.length :]
            return content
        decoder = ChunkedDecoder()
        content = decoder.receive(self._buffer)
        while not decoder.done:
            if len(content) > BODY_LIMIT:
                raise Malformed(413, "the body is too large")
            content += decoder.receive(await self._receive())
        self._buffer = decoder.rest
        return content

    async def _receive(self) -> bytes:
        data = await self._stream.receive_some(_READ_SIZE)
        if not data:
            raise trio.BrokenResourceError("the request ends in its body")
        return bytes(data)

    async def _send(self, answer: "_Answer", *, keep_alive: bool) -> None:
        try:
            await self._stream.send_all(
                render_simple_response(
                    answer.status,
                    answer.content,
                    answer.kind,
                    close=not keep_alive,
                    extra=self._extra + answer.extra,
                )
            )
        finally:
            if answer.after:
                answer.after()

    async def _send_stream(self, stream: Stream) -> bool:
        """Send pieces until they end or the client hangs up; return whether they ended well."""
        whole = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            whole = await self._pour(stream)
            nursery.cancel_scope.cancel()
        return whole

    async def _watch(self, streaming: trio.CancelScope) -> None:
        """End a stream whose client hangs up, which shows only when something is read."""
        while len(self._buffer) < HEAD_LIMIT:
            try:
                data = await self._stream.receive_some(_READ_SIZE)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                streaming.cancel()
                return
            self._buffer += data

    async def _pour(self, stream: Stream) -> bool:
        try:
            await self._stream.send_all(
                render_own_head(
                    200, CHUNKED, stream.content_type.encode(), close=False, extra=self._extra
                )
            )
            async with _closing(stream.pieces):
                async for piece in stream.pieces:
                    await self._stream.send_all(encode_chunk(piece))
            await self._stream.send_all(LAST_CHUNK)
        except trio.BrokenResourceError:
            return False
        except Exception:  # as in _ask; the missing last chunk tells the client
            log.exception("a stream broke off")
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: bytes
    extra: bytes = b""
    after: Callable[[], object] | None = None
    kind: bytes = b"application/json"


def _refused(call: Call, allowed: Sequence[str]) -> _Answer | None:
    """Return the answer to a call that is not known."""
    if not allowed:
        return _failed(UsageError(f"there is no {call.path} here"), 404)
    if call.method not in allowed:
        words = f"{call.path} takes {' or '.join(allowed)}, not {call.method}"
        extra = f"Allow: {', '.join(allowed)}\r\n".encode()
        return _failed(UsageError(words), 405, extra)
    return None


def _failed(error: WebqxError, status: int, extra: bytes = b"") -> _Answer:
    return _Answer(status, _encoded(failure.to_plain(error)), extra)


def _encoded(payload: Any) -> bytes:
    return json.dumps(payload).encode() + b"\n"


@asynccontextmanager
async def _closing(pieces: AsyncIterable[bytes]) -> AsyncGenerator[None]:
    """Have a generator run its clean-up here and now, not when it is collected."""
    try:
        yield
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
