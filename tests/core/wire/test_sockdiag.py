"""core/wire/sockdiag.py, on messages as Linux 6.18 sent them (without their attributes)."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.wire.sockdiag import (
    FILTER,
    FILTER_LENGTH,
    parse_destroyed,
    plain_address,
)

HEADER = "7c010000 1400 0000 00000000 00000000"
OVER_IPV4 = bytes.fromhex(
    HEADER + "02070000 b28f ac16 7f000001 000000000000000000000000 7f000001"
    "000000000000000000000000 00000000 c96b010000000000 00000000 ff000000" + "00" * 12
)
OVER_IPV6 = bytes.fromhex(
    HEADER + "0a070000 8ca5 811e 00000000000000000000000000000001 00000000000000000000000000000001"
    "00000000 cc6b010000000000 00000000 ff000000" + "00" * 12
)
DUAL_STACK = bytes.fromhex(
    HEADER + "0a070000 981f a220 00000000000000000000ffff7f000001 00000000000000000000ffff7f000001"
    "00000000 cf6b010000000000 00000000 ff000000" + "00" * 12
)
LOOPBACK = b"\x7f\0\0\1"


@pytest.mark.parametrize(
    ("message", "ends"),
    [
        (OVER_IPV4, (LOOPBACK, 45711, LOOPBACK, 44054)),
        (OVER_IPV6, (bytes(15) + b"\1", 36005, bytes(15) + b"\1", 33054)),
        (DUAL_STACK, (LOOPBACK, 38943, LOOPBACK, 41504)),
    ],
)
def test_a_message_names_the_socket_and_what_nobody_has_read(message, ends) -> None:
    assert parse_destroyed(message) == (ends, 255)


def test_other_messages_name_nothing() -> None:
    refusal = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -2) + OVER_IPV4[:16]
    assert parse_destroyed(refusal) is None
    assert parse_destroyed(refusal + bytes(100)) is None


@given(st.binary(max_size=87))
def test_a_message_cut_short_names_nothing(octets: bytes) -> None:
    assert parse_destroyed(octets) is None


def test_only_a_mapped_address_becomes_a_shorter_one() -> None:
    assert plain_address(bytes(10) + b"\xff\xff\x0a\0\0\1") == b"\x0a\0\0\1"
    assert plain_address(bytes(12) + LOOPBACK) == bytes(12) + LOOPBACK
    assert plain_address(LOOPBACK) == LOOPBACK


def run_filter(message: bytes) -> int:
    """Run the program as linux/filter.h defines its instructions; return how much it lets pass."""
    program = list(struct.iter_unpack("=HBBI", FILTER))
    assert len(program) == FILTER_LENGTH
    at = accumulator = 0
    while True:
        code, if_true, if_false, argument = program[at]
        at += 1
        if code == 0x20:
            accumulator = int.from_bytes(message[argument : argument + 4], "big")
        elif code == 0x15:
            at += if_true if accumulator == argument else if_false
        else:
            assert code == 0x06
            return argument


@pytest.mark.parametrize(("unread", "passes"), [(0, False), (1, False), (2, True), (256, True)])
def test_the_filter_lets_pass_only_what_had_octets_to_read(unread: int, passes) -> None:
    message = OVER_IPV4[:72] + struct.pack("=I", unread) + OVER_IPV4[76:]
    assert bool(run_filter(message)) is passes
