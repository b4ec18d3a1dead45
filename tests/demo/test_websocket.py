"""The echo's protocol, octet by octet, without a socket."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.demo.websocket import (
    MESSAGE_LIMIT,
    CloseCode,
    Echo,
    Opcode,
    accept_token,
    encode,
    encode_close,
)

MASK = b"\x12\x34\x56\x78"


def masked(opcode: int, payload: bytes, *, final: bool = True, bits: int = 0) -> bytes:
    """Return a frame as a client sends it."""
    first, size = (0x80 if final else 0) | bits | opcode, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    body = bytes(octet ^ MASK[at % 4] for at, octet in enumerate(payload))
    return head + MASK + body


def test_the_token_is_the_one_of_the_rfc():
    assert accept_token(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(max_size=300) | st.just(bytes(70_000)), st.integers(min_value=1, max_value=4000))
def test_a_message_comes_back_however_its_octets_arrive(payload, step):
    echo, frame = Echo(), masked(Opcode.BINARY, payload)

    replies = [echo.receive(frame[at : at + step]) for at in range(0, len(frame), step)]

    assert b"".join(replies) == encode(Opcode.BINARY, payload)


def test_fragments_are_put_together_with_a_ping_between_them():
    echo = Echo()

    assert echo.receive(masked(Opcode.TEXT, b"hel", final=False)) == b""
    assert echo.receive(masked(Opcode.PING, b"?")) == encode(Opcode.PONG, b"?")
    assert echo.receive(masked(Opcode.CONTINUATION, b"lo")) == encode(Opcode.TEXT, b"hello")


def test_a_character_may_be_cut_by_fragments():
    echo = Echo()
    first, second = "ü".encode()[:1], "ü".encode()[1:]

    echo.receive(masked(Opcode.TEXT, first, final=False))

    assert echo.receive(masked(Opcode.CONTINUATION, second)) == encode(Opcode.TEXT, first + second)


def test_a_pong_needs_no_answer():
    assert Echo().receive(masked(Opcode.PONG, b"late")) == b""


def test_a_close_is_answered_with_its_code_and_ends_it():
    echo = Echo()

    reply = echo.receive(masked(Opcode.CLOSE, b"\x03\xe8bye") + masked(Opcode.TEXT, b"more"))

    assert reply == encode_close(CloseCode.NORMAL)
    assert echo.closed


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (encode(Opcode.TEXT, b"not masked"), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"x", bits=0x40), CloseCode.PROTOCOL_ERROR),
        (masked(0x3, b"x"), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.PING, b"x", final=False), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.PING, bytes(126)), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.CLOSE, b"x"), CloseCode.PROTOCOL_ERROR),
        (masked(Opcode.CONTINUATION, b"of nothing"), CloseCode.PROTOCOL_ERROR),
        (
            masked(Opcode.TEXT, b"a", final=False) + masked(Opcode.TEXT, b"b"),
            CloseCode.PROTOCOL_ERROR,
        ),
        (masked(Opcode.TEXT, b"\xff"), CloseCode.INVALID_DATA),
        (masked(Opcode.BINARY, bytes(MESSAGE_LIMIT + 1))[:14], CloseCode.TOO_BIG),
    ],
)
def test_what_breaks_the_protocol_is_closed_with_the_code_that_says_so(frames, code):
    echo = Echo()

    assert echo.receive(frames) == encode_close(code)
    assert echo.closed
