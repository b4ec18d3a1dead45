"""Where a chunked body ends (RFC 9112 section 7.1): payload comes out, framing never does."""

import re
from enum import Enum, auto

from webqx_supervisor.core.wire.headers import FIELD
from webqx_supervisor.core.wire.messages import LENGTH_LIMIT, Malformed

EXTENSION_LIMIT = 256
"""Octets of extensions that one chunk may carry."""
EXTENSIONS_LIMIT = 4 * 1024
"""Octets of extensions that a whole body may carry."""
TRAILER_LIMIT = 16 * 1024
LAST_CHUNK = b"0\r\n\r\n"

_SIZE_DIGITS = 16
_SIZE_LINE_LIMIT = _SIZE_DIGITS + EXTENSION_LIMIT + 2
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,%d})((?:[ \t]*+;[\t -~\x80-\xff]*+)?)\r\n" % _SIZE_DIGITS
).fullmatch
_TRAILER_LINE = re.compile(FIELD + rb"\r\n").fullmatch


class _Expect(Enum):
    SIZE = auto()
    PAYLOAD = auto()
    PAYLOAD_END = auto()
    TRAILER = auto()


class ChunkedDecoder:
    """Takes a chunked body in pieces of any size; extensions and trailers are dropped.

    `done` once the body is whole; `rest` then holds the octets that came after it.
    """

    __slots__ = ("_expect", "_extensions", "_held", "_left", "_trailer", "done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self._expect = _Expect.SIZE
        self._held = b""  # the beginning of a line; bounded by the limits on lines
        self._left = 0  # octets of the current chunk that are still to come
        self._extensions = 0
        self._trailer = 0

    def state(self) -> tuple[str, bytes, int, int, int]:
        """Return all that is to be known to go on in the middle of a body, see restore()."""
        return self._expect.name, self._held, self._left, self._extensions, self._trailer

    def restore(self, state: tuple[str, bytes, int, int, int]) -> None:
        """Go on where another one stopped. Raises KeyError if it knew what this one does not."""
        expect, self._held, self._left, self._extensions, self._trailer = state
        self._expect = _Expect[expect]

    def receive(self, data: bytes) -> bytes:
        """Return the payload found in `data`. Raises Malformed (400) when the framing is wrong."""
        if len(data) < self._left:  # the common piece of a large chunk costs no copy
            self._left -= len(data)
            return data
        buffer = self._held + data if self._held else data
        payload: list[bytes] = []
        at = 0
        while not self.done:
            if self._expect is _Expect.PAYLOAD:
                piece = buffer[at : at + self._left]
                payload.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._expect = _Expect.PAYLOAD_END
            end = self._take_line(buffer, at)
            if end < 0:
                break
            at = end
        if self.done:
            self.rest += buffer[at:]
            self._held = b""
        else:
            self._held = buffer[at:]
        return payload[0] if len(payload) == 1 else b"".join(payload)

    def _take_line(self, buffer: bytes, at: int) -> int:
        """Read the line at `at`; return where it ends, or -1 if it is not whole yet."""
        if self._expect is _Expect.PAYLOAD_END:
            limit, take = 2, self._take_payload_end
        elif self._expect is _Expect.SIZE:
            limit, take = _SIZE_LINE_LIMIT, self._take_size
        else:
            limit, take = TRAILER_LIMIT, self._take_trailer
        end = buffer.find(b"\n", at, at + limit) + 1
        if end:
            take(buffer[at:end])
            return end
        if len(buffer) - at >= limit:
            raise Malformed(400, "the chunked body is not framed as it says")
        return -1

    def _take_payload_end(self, line: bytes) -> None:
        if line != b"\r\n":
            raise Malformed(400, "a chunk is longer than its size says")
        self._expect = _Expect.SIZE

    def _take_size(self, line: bytes) -> None:
        match = _SIZE_LINE(line)
        if match is None:
            raise Malformed(400, "a chunk's size line is malformed")
        extension = len(match[2])
        self._extensions += extension
        if extension > EXTENSION_LIMIT or self._extensions > EXTENSIONS_LIMIT:
            raise Malformed(400, "too many chunk extensions")
        size = int(match[1], 16)
        if size > LENGTH_LIMIT:
            raise Malformed(400, "a chunk is too large")
        self._left = size
        self._expect = _Expect.PAYLOAD if self._left else _Expect.TRAILER

    def _take_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self.done = True
            return
        self._trailer += len(line)
        if self._trailer > TRAILER_LIMIT:
            raise Malformed(400, "the trailers are too long")
        if _TRAILER_LINE(line) is None:
            raise Malformed(400, "a trailer field is malformed")


def encode_chunk(data: bytes) -> bytes:
    """Return `data` as one chunk; nothing for no data, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
