"""The header of HAProxy's PROXY protocol, versions 1 and 2: who connected to the proxy in front.

It stands before everything else on a connection. Who reads it has been told to expect it and
guesses nothing: whatever does not begin with one is refused.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from webqx_supervisor.core.wire.messages import Malformed

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""What version 2 begins with."""
V1_LIMIT = 107
"""Octets of the longest header of version 1, with its CRLF."""
V2_LIMIT = 4096
"""Octets of the longest header of version 2 that is taken: addresses, and tags that are skipped."""

_V1 = b"PROXY "
_START = 16  # octets of version 2 up to the addresses
_LOCAL, _PROXY = 0x20, 0x21
# Family and transport (spec 2.2): octets of the address block, and of one address in it.
_BLOCKS = {
    0x00: (0, 0),
    **dict.fromkeys((0x11, 0x12), (12, 4)),
    **dict.fromkeys((0x21, 0x22), (36, 16)),
    **dict.fromkeys((0x31, 0x32), (216, 0)),
}
_NUMBER = r"(?:0|[1-9][0-9]{0,4})"
_LINE = re.compile(
    rf"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ({_NUMBER}) ({_NUMBER})\r\n"
).fullmatch


@dataclass(frozen=True, slots=True)
class ProxyLine:
    """A whole header of `size` octets; `source` None: the proxy speaks for itself, or names nobody.

    With `local` it speaks for itself, as for its health checks.
    """

    size: int
    source: str | None = None
    local: bool = False


def parse_proxy_line(octets: bytes) -> ProxyLine | None:
    """Read the header at the start; None: more octets are needed. Raises Malformed (400).

    Looks at nothing beyond the header, and never asks for more than V2_LIMIT octets.
    """
    if octets.startswith(_V1):
        return _version_1(octets)
    if octets.startswith(SIGNATURE):
        return _version_2(octets)
    if _V1.startswith(octets) or SIGNATURE.startswith(octets):
        return None
    raise Malformed(400, "a PROXY header is expected here")


def _version_1(octets: bytes) -> ProxyLine | None:
    end = octets.find(b"\n", 0, V1_LIMIT) + 1
    if not end and len(octets) < V1_LIMIT:
        return None
    if octets[max(end - 2, 0) : end] != b"\r\n":
        raise Malformed(400, "the PROXY header has no end")
    if re.match(rb"PROXY UNKNOWN[ \r]", octets):
        return ProxyLine(end)
    match = _LINE(octets[:end].decode("latin-1"))
    if match is None or int(match[4]) > 65535 or int(match[5]) > 65535:
        raise Malformed(400, "the PROXY header is malformed")
    kind = IPv4Address if match[1] == "4" else IPv6Address
    try:
        source, _ = kind(match[2]), kind(match[3])
    except ValueError:
        raise Malformed(400, "the PROXY header names no address") from None
    return ProxyLine(end, plain(source))


def _version_2(octets: bytes) -> ProxyLine | None:
    if len(octets) < _START:
        return None
    command, family = octets[12], octets[13]
    size = _START + int.from_bytes(octets[14:_START], "big")
    if command not in (_LOCAL, _PROXY):
        raise Malformed(400, "the PROXY header is of an unknown version or command")
    if size > V2_LIMIT:
        raise Malformed(400, "the PROXY header is too long")
    if command == _PROXY:
        if family not in _BLOCKS:
            raise Malformed(400, "the PROXY header is of an unknown family")
        if size - _START < _BLOCKS[family][0]:
            raise Malformed(400, "the PROXY header is too short for its addresses")
    if len(octets) < size:
        return None
    if command == _LOCAL:  # whatever addresses it has, they are to be ignored
        return ProxyLine(size, local=True)
    width = _BLOCKS[family][1]
    if not width:
        return ProxyLine(size)
    return ProxyLine(size, plain(ip_address(octets[_START : _START + width])))


def plain(address: IPv4Address | IPv6Address) -> str:
    """Return an address as text; an IPv4 address inside an IPv6 one (RFC 4291 2.5.5.2) as such."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)
