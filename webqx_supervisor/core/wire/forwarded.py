"""The field Forwarded (RFC 7239), element by element, and how nodes are written in fields."""

import functools
import re
from ipaddress import ip_address

from webqx_supervisor.core.wire.headers import PSEUDONYM, TOKEN
from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.proxyline import plain
from webqx_supervisor.core.wire.target import parse_authority

LONGEST_NODE = 64
"""Octets of the longest node that is looked at: an IPv6 address, brackets and port are 53."""

_NODE = re.compile(
    rb"\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?"
    rb"|([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?"
    rb"|([0-9A-Fa-f:.]{2,45})"
).fullmatch
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_PAIR = rb"(" + TOKEN + rb")=(" + TOKEN + rb"|" + _QUOTED + rb")"
_PAIRS = re.compile(_PAIR + rb"[\t ]*+(?:;[\t ]*+|\Z)").match
_IS_TOKEN = re.compile(TOKEN).fullmatch
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def node_address(node: bytes) -> str | None:
    """Return the address of a node, its port left out; None for a name, `unknown` or nonsense.

    Serves X-Forwarded-For too, where IPv6 addresses have brackets or not. Zones (RFC 4007) mean
    nothing to anybody else and are refused.
    """
    return _address(node) if len(node) <= LONGEST_NODE else None


def parse_element(octets: bytes) -> dict[bytes, bytes] | None:
    """Return the pairs of one element, names in lower case; None if it is malformed."""
    pairs: dict[bytes, bytes] = {}
    at = 0
    while at < len(octets):
        match = _PAIRS(octets, at)
        if match is None or match[1].lower() in pairs:
            return None
        value = match[2]
        if value.startswith(b'"'):
            value = _ESCAPED.sub(rb"\1", value[1:-1])
        pairs[match[1].lower()] = value
        at = match.end()
    return pairs


@functools.lru_cache(maxsize=256)
def element(address: str, host: bytes = b"", scheme: bytes = b"", *, own: bool) -> bytes:
    """Write one element: who asked for what; `own` if this proxy was asked (by=)."""
    node = address.encode()
    parts = [b'for="[%b]"' % node if b":" in node else b"for=%b" % node]
    if host and is_authority(host):
        parts.append(b"host=%b" % (host if _IS_TOKEN(host) else b'"%b"' % host))
    if scheme and _IS_TOKEN(scheme):
        parts.append(b"proto=%b" % scheme)
    if own:
        parts.append(b"by=_%b" % PSEUDONYM)
    return b";".join(parts)


def is_authority(host: bytes) -> bool:
    """Say whether this can be a Host."""
    try:
        parse_authority(host)
    except Malformed:
        return False
    return True


@functools.lru_cache(maxsize=4096)  # the same clients ask again and again
def _address(node: bytes) -> str | None:
    match = _NODE(node)
    if match is None:
        return None
    try:
        return plain(ip_address((match[1] or match[2] or match[3]).decode("ascii")))
    except ValueError:
        return None
