"""What Linux says of a TCP socket that has ceased to exist (sock_diag(7), linux/inet_diag.h)."""

import struct

GROUPS = 0b101
"""Bits of SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY, for bind(2)."""

Ends = tuple[bytes, int, bytes, int]
"""A socket's own address and port, then its peer's; addresses as by inet_pton(3)."""

_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY, the type of every such message
_SIZE = 16 + 72  # nlmsghdr and inet_diag_msg; attributes follow
_PORTS = struct.Struct("!HH")
_PORTS_AT = 20
_OWN_AT, _PEER_AT = 24, 40
_UNREAD_AT = 72
_INET6 = 10  # AF_INET6 of Linux
_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 section 2.5.5.2


def parse_destroyed(message: bytes) -> tuple[Ends, int] | None:
    """Return which socket is gone and how many octets in it nobody has read; None: no such message.

    An end of the stream that nobody has read counts as one more octet.
    """
    if len(message) < _SIZE or struct.unpack_from("=H", message, 4)[0] != _BY_FAMILY:
        return None
    size = 16 if message[16] == _INET6 else 4
    own_port, peer_port = _PORTS.unpack_from(message, _PORTS_AT)
    own = plain_address(message[_OWN_AT : _OWN_AT + size])
    peer = plain_address(message[_PEER_AT : _PEER_AT + size])
    unread: int = struct.unpack_from("=I", message, _UNREAD_AT)[0]
    return (own, own_port, peer, peer_port), unread


def plain_address(packed: bytes) -> bytes:
    """Return an IPv4 address that a dual-stack socket shows as one of IPv6 as what it is."""
    return packed.removeprefix(_MAPPED)


def _instruction(code: int, argument: int, if_true: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, 0, argument)


_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ONE = int.from_bytes(struct.pack("=I", 1), "big")  # loads take the octets for big-endian

FILTER = (
    _instruction(_LOAD, _UNREAD_AT)
    + _instruction(_JUMP_IF_EQUAL, 0, if_true=2)
    + _instruction(_JUMP_IF_EQUAL, _ONE, if_true=1)
    + _instruction(_RETURN, 0xFFFFFFFF)
    + _instruction(_RETURN, 0)
)
"""A program (linux/filter.h) that drops, in the kernel, word of sockets with nothing unread.

That is nearly all of them, and each would wake who listens.
"""
FILTER_LENGTH = len(FILTER) // 8
"""In instructions."""
