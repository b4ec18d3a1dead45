"""`python -m webqx_supervisor.demo`: an HTTP server on 127.0.0.1:$PORT that says who answered.

/          a few words      /events    server-sent events, one a second
/health/   ok               /ws        WebSocket echo

SIGTERM ends it well: what is being answered is answered, then it leaves.
"""

import os
import signal
from contextlib import suppress

import trio

from webqx_supervisor.core.wire.framing import LAST_CHUNK, ChunkedDecoder, encode_chunk
from webqx_supervisor.core.wire.messages import CHUNKED, Malformed, RequestHead
from webqx_supervisor.core.wire.parser import HEAD_LIMIT, find_head, parse_request
from webqx_supervisor.core.wire.writer import (
    CONTINUE,
    render_simple_response,
    render_stream_head,
)
from webqx_supervisor.demo.websocket import CloseCode, Echo, accept_token, encode_close

PIECE = 64 * 1024
EVENT_INTERVAL = 1.0
"""Seconds."""

WHO = (
    f"{os.environ.get('WEBQX_SV_SERVICE', 'demo')}:{os.environ.get('WEBQX_SV_INSTANCE', '1')} "
    f"(pid {os.getpid()}, port {os.environ.get('PORT', '3001')})"
)


class Leaving:
    """The wish to end. Who waits for a client's next word gives it up at once."""

    def __init__(self) -> None:
        self.event = trio.Event()
        self._waiting: set[trio.CancelScope] = set()

    def begin(self) -> None:
        """Wish to end."""
        self.event.set()
        for scope in self._waiting:
            scope.cancel()

    async def receive(self, stream: trio.SocketStream) -> bytes:
        """Return what the client sends; nothing when it has ended, or we are to."""
        if self.event.is_set():
            return b""
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                return bytes(await stream.receive_some(PIECE))
            finally:
                self._waiting.discard(scope)
        return b""


class Connection:
    """One client's connection: request after request until one of the two has enough."""

    def __init__(self, stream: trio.SocketStream, leaving: Leaving) -> None:
        self._stream = stream
        self._leaving = leaving
        self._buffer = b""

    async def serve(self) -> None:
        """Answer until the connection ends."""
        try:
            while (head := await self._next_head()) is not None:
                await self._skip_body(head)
                if not await self._answer(head):
                    return
        except Malformed as fault:
            await self._send(_text(fault.status, fault.reason, close=True))
        except EOFError:
            return

    async def _next_head(self) -> RequestHead | None:
        while (end := find_head(self._buffer, HEAD_LIMIT)) < 0:
            piece = await self._leaving.receive(self._stream)
            if not piece:
                return None
            self._buffer += piece
        head, self._buffer = self._buffer[:end], self._buffer[end:]
        return parse_request(head)

    async def _skip_body(self, head: RequestHead) -> None:
        if head.expects_continue:
            await self._send(CONTINUE)
        if head.length == CHUNKED:
            decoder = ChunkedDecoder()
            decoder.receive(self._buffer)
            while not decoder.done:
                decoder.receive(await self._piece())
            self._buffer = decoder.rest
            return
        left = head.length
        while left > len(self._buffer):
            left -= len(self._buffer)
            self._buffer = await self._piece()
        self._buffer = self._buffer[left:]

    async def _answer(self, head: RequestHead) -> bool:
        """Answer; return whether the connection goes on."""
        close = not head.keep_alive or self._leaving.event.is_set()
        match head.path:
            case "/":
                words = f"Hello from {WHO}.\nThere is more at /events and /ws.\n"
                answer = _text(200, words, close=close)
            case "/health/":
                answer = _text(200, "ok\n", close=close)
            case "/events" if head.method == b"GET" and head.minor:
                await self._tell_events()
                return False
            case "/ws" if head.upgrade == b"websocket":
                await self._echo(head)
                return False
            case "/ws":
                answer = _text(
                    426, "WebSocket only\n", close=close, extra=b"Upgrade: websocket\r\n"
                )
            case _:
                answer = _text(404, f"nothing at {head.path}\n", close=close)
        if head.method == b"HEAD":
            answer = answer[: answer.index(b"\r\n\r\n") + 4]
        await self._send(answer)
        return not close

    async def _tell_events(self) -> None:
        await self._send(render_stream_head(200, b"text/event-stream"))
        number = 0
        while not self._leaving.event.is_set():
            number += 1
            event = f"id: {number}\ndata: event {number} from {WHO}\n\n"
            await self._send(encode_chunk(event.encode()))
            with trio.move_on_after(EVENT_INTERVAL):
                await self._leaving.event.wait()
        await self._send(LAST_CHUNK)

    async def _echo(self, head: RequestHead) -> None:
        key = next(
            (value for name, value in head.headers if name.lower() == b"sec-websocket-key"), b""
        )
        accept = b"Sec-WebSocket-Accept: " + accept_token(key)
        switch = (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        )
        await self._send(switch + accept + b"\r\n\r\n")
        echo = Echo()
        await self._send(echo.receive(self._buffer))
        while not echo.closed and (piece := await self._leaving.receive(self._stream)):
            await self._send(echo.receive(piece))
        if self._leaving.event.is_set() and not echo.closed:
            await self._send(encode_close(CloseCode.GOING_AWAY))

    async def _piece(self) -> bytes:
        piece = bytes(await self._stream.receive_some(PIECE))
        if not piece:
            raise EOFError("the client left in the middle of a body")
        return piece

    async def _send(self, data: bytes) -> None:
        await self._stream.send_all(data)


def _text(status: int, words: str, *, close: bool, extra: bytes = b"") -> bytes:
    kind = b"text/plain; charset=utf-8"
    return render_simple_response(status, words.encode(), kind, close, extra)


async def _serve(
    listeners: list[trio.SocketListener], connections: trio.Nursery, leaving: Leaving
) -> None:
    """Accept. The connections live in a nursery that outlives this task."""

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):  # the client is gone, nobody is left to tell
            await Connection(stream, leaving).serve()

    await trio.serve_listeners(handle, listeners, handler_nursery=connections)


async def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight."""
    leaving = Leaving()
    listeners = await trio.open_tcp_listeners(int(os.environ.get("PORT", "3001")), host="127.0.0.1")
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as connections, trio.open_nursery() as doors:
            doors.start_soon(_serve, listeners, connections, leaving)
            await anext(signals)
            doors.cancel_scope.cancel()
            leaving.begin()


if __name__ == "__main__":
    trio.run(main)
