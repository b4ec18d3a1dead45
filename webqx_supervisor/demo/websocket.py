"""The WebSocket protocol, server's side, of octets only (RFC 6455): enough for an echo.

No extensions, no subprotocols. Whatever the frames say, the answer is octets to send.
"""

import base64
import hashlib
import struct
from enum import IntEnum

MESSAGE_LIMIT = 1024 * 1024

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


class Opcode(IntEnum):
    """Section 5.2. From CLOSE on they are control frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(IntEnum):
    """Section 7.4.1."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_DATA = 1007
    TOO_BIG = 1009


def accept_token(key: bytes) -> bytes:
    """Return Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - as the RFC has it


def encode(opcode: Opcode, payload: bytes) -> bytes:
    """Return one whole unmasked frame."""
    first, size = 0x80 | opcode, len(payload)
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def encode_close(code: CloseCode) -> bytes:
    """Return a close frame."""
    return encode(Opcode.CLOSE, struct.pack("!H", code))


class _Violation(Exception):  # noqa: N818 - what the frames are; the answer is a close frame
    def __init__(self, code: CloseCode) -> None:
        super().__init__(code)
        self.code = code


class Echo:
    """Answers each message with the same message; `closed` once a close frame has been answered."""

    def __init__(self) -> None:
        self.closed = False
        self._buffer = bytearray()
        self._message = b""
        self._kind: Opcode | None = None  # of the message whose fragments are being collected

    def receive(self, data: bytes) -> bytes:
        """Take in octets of any frames; return what is to be sent."""
        self._buffer += data
        replies = []
        try:
            while not self.closed and (frame := self._take_frame()) is not None:
                replies.append(self._reply(*frame))
        except _Violation as violation:
            self.closed = True
            replies.append(encode_close(violation.code))
        return b"".join(replies)

    def _take_frame(self) -> tuple[Opcode, bool, bytes] | None:
        """Return the next whole frame as (opcode, final, payload)."""
        if len(self._buffer) < 2:
            return None
        first, second = self._buffer[:2]
        opcode, final = _opcode(first), bool(first & 0x80)
        size, at = second & 0x7F, 2
        if first & 0x70 or not second & 0x80:  # an extension's bit; a client that does not mask
            raise _Violation(CloseCode.PROTOCOL_ERROR)
        if opcode >= Opcode.CLOSE and (not final or size > 125):
            raise _Violation(CloseCode.PROTOCOL_ERROR)
        if size >= 126:
            wide = 2 if size == 126 else 8
            if len(self._buffer) < at + wide:
                return None
            size = int.from_bytes(self._buffer[at : at + wide])
            at += wide
        if size + len(self._message) > MESSAGE_LIMIT:
            raise _Violation(CloseCode.TOO_BIG)
        if len(self._buffer) < at + 4 + size:
            return None
        mask, masked = self._buffer[at : at + 4], self._buffer[at + 4 : at + 4 + size]
        del self._buffer[: at + 4 + size]
        return opcode, final, _unmask(masked, mask)

    def _reply(self, opcode: Opcode, final: bool, payload: bytes) -> bytes:
        match opcode:
            case Opcode.PING:
                return encode(Opcode.PONG, payload)
            case Opcode.PONG:
                return b""
            case Opcode.CLOSE if len(payload) == 1:
                raise _Violation(CloseCode.PROTOCOL_ERROR)
            case Opcode.CLOSE:
                self.closed = True
                return encode(Opcode.CLOSE, payload[:2])
        if (opcode is Opcode.CONTINUATION) == (self._kind is None):
            raise _Violation(CloseCode.PROTOCOL_ERROR)
        self._kind = self._kind or opcode
        self._message += payload
        return self._finish(self._kind) if final else b""

    def _finish(self, kind: Opcode) -> bytes:
        message, self._message, self._kind = self._message, b"", None
        if kind is Opcode.TEXT:
            try:
                message.decode()
            except UnicodeDecodeError:
                raise _Violation(CloseCode.INVALID_DATA) from None
        return encode(kind, message)


def _opcode(first: int) -> Opcode:
    try:
        return Opcode(first & 0x0F)
    except ValueError:
        raise _Violation(CloseCode.PROTOCOL_ERROR) from None


def _unmask(payload: bytearray, mask: bytearray) -> bytes:
    """XOR with the mask repeated (section 5.3), as one operation on whole numbers."""
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(len(payload))
