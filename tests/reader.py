"""A reader of messages made of the parts that the proxy is made of, without its sockets.

For properties and for the fuzzer: it keeps each message as it is forwarded.
"""

import itertools

from webqx_supervisor.core.wire.framing import ChunkedDecoder
from webqx_supervisor.core.wire.headers import forwarded_block
from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE, Malformed, MalformedAnswer
from webqx_supervisor.core.wire.parser import (
    HEAD_LIMIT,
    RESPONSE_HEAD_LIMIT,
    find_head,
    parse_request,
    parse_response,
)
from webqx_supervisor.core.wire.writer import render_request, render_response

BLOCK = forwarded_block("127.0.0.1", "http")
Message = tuple[bytes, bytes]


class Reader:
    """Reads one message after the other as a proxy does; `refused` once it met a bad one."""

    def __init__(self, *, request: bool) -> None:
        self.messages: list[Message] = []
        """Each as it is forwarded: head and payload."""
        self.refused = False
        self.in_body = False
        """The last message is not whole yet."""
        self._request = request
        self._buffer = b""
        self._left = 0
        self._decoder: ChunkedDecoder | None = None
        self._searched = 0

    def receive(self, data: bytes) -> None:
        if self.refused:
            return
        self._buffer += data
        try:
            while self._step():
                pass
        except (Malformed, MalformedAnswer):
            self.refused = True

    def _step(self) -> bool:
        return self._read_body() if self.in_body else self._read_head()

    def _read_head(self) -> bool:
        limit = HEAD_LIMIT if self._request else RESPONSE_HEAD_LIMIT
        end = find_head(self._buffer, limit, self._searched) if self._buffer else -1
        if end < 0:
            self._searched = len(self._buffer)
            return False
        self._searched = 0
        octets, self._buffer = self._buffer[:end], self._buffer[end:]
        if self._request:
            head = parse_request(octets)
            length, written = head.length, render_request(head, BLOCK)
        else:
            answer = parse_response(octets, b"GET")
            length = answer.length
            written = render_response(answer, close=False, client_minor=1, length=length)
        self.messages.append((written, b""))
        self._left = max(length, 0) if length != UNTIL_CLOSE else 1 << 60
        self._decoder = ChunkedDecoder() if length == CHUNKED else None
        self.in_body = True
        return True

    def _read_body(self) -> bool:
        data, self._buffer = self._buffer, b""
        if self._decoder is not None:
            payload = self._decoder.receive(data)
            done = self._decoder.done
            self._buffer = self._decoder.rest
        else:
            payload, self._buffer = data[: self._left], data[self._left :]
            self._left -= len(payload)
            done = not self._left
        head, body = self.messages[-1]
        self.messages[-1] = (head, body + payload)
        self.in_body = not done
        return done


def read(parts: list[bytes], *, request: bool) -> Reader:
    reader = Reader(request=request)
    for part in parts:
        reader.receive(part)
    return reader


def pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    """Cut at these places, taken modulo the length."""
    places = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    return [octets[start:end] for start, end in itertools.pairwise(places)]
