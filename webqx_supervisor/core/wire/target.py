"""Where a request goes: its target, its Host, and the path to route by.

The target's octets are forwarded as they came; only routing sees the normalised path. A path that
a worker could read as another one than routing did is refused (RFC 9112 section 3.2, RFC 3986
sections 3.2.2 and 6.2.2).
"""

import functools
import re
from ipaddress import AddressValueError, IPv6Address

from webqx_supervisor.core.wire.messages import Malformed

_AUTHORITY = re.compile(
    rb"(\[([0-9A-Fa-f:.]{2,45})\]|(?>(?:[A-Za-z0-9\-._~!$&'()*+,;=]++|%[0-9A-Fa-f]{2})+))"
    rb"(?::([0-9]{0,5}))?"
).fullmatch
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]*+)([^?]*+)(.*+)", re.DOTALL).fullmatch

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|%00").search
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile(rb"[A-Za-z0-9\-._~]").fullmatch
# Some workers decode before they split, some cut parameters off, some take a backslash for a slash.
_CLIMBS = re.compile(rb"\\|(?:/|%2F|%5C)\.\.(?:[/;]|%2F|%5C|%3B|\Z)").search
_DOT_SEGMENTS = re.compile(rb"/(?:\.(?:/|\Z))+")
_AMBIGUOUS = re.compile(rb"\.\.|%2F|%5C").search


def parse_target(method: bytes, target: bytes) -> tuple[bytes, str, bytes | None]:
    """Read a target of visible ASCII octets without "#". Raises Malformed (400).

    Returns the target in origin-form, the path to route by, and the authority if the target names
    one (absolute-form, RFC 9112 section 3.2.2). Escapes are judged in the path only: what a query
    holds is between client and worker.
    """
    authority = None
    if target[0] != 0x2F and target != b"*":
        absolute = _ABSOLUTE(target)
        if absolute is None:
            raise Malformed(400, "the request target is neither a path nor an http address")
        authority, path, query = absolute.groups()
        asks_server = method == b"OPTIONS" and not path and not query
        target = b"*" if asks_server else (path or b"/") + query
    if target == b"*":
        if method != b"OPTIONS":
            raise Malformed(400, "only OPTIONS may ask for *")
        return target, "*", authority
    return target, routing_path(target.partition(b"?")[0]), authority


@functools.lru_cache(maxsize=256)  # a proxy meets the same few hosts again and again
def parse_authority(value: bytes) -> bytes:
    """Return the host of `host[:port]`, lower case, without final dot. Raises Malformed (400)."""
    match = _AUTHORITY(value)
    if match is None or int(match[3] or 0) > 65535 or not _is_ipv6(match[2] or b"::"):
        raise Malformed(400, "the host is not valid")
    host: bytes = match[1]
    return host.lower().removesuffix(b".")


def _is_ipv6(literal: bytes) -> bool:
    try:
        IPv6Address(literal.decode("ascii"))
    except AddressValueError:
        return False
    return True


def routing_path(raw: bytes) -> str:
    """Normalise an absolute path: unreserved octets bare, escapes upper case, no dot segments.

    Raises Malformed (400) for broken escapes, and for a path that climbs, or that is not in this
    form and hides a separator. `/a%2Fb`, a name with a slash in it, is one plain segment.
    """
    if b"%" not in raw and b"/." not in raw and b"\\" not in raw:
        return raw.decode("ascii")
    if _BAD_ESCAPE(raw):
        raise Malformed(400, "an escape in the path is broken")
    plain = _ESCAPE.sub(_canonical_escape, raw)
    if _CLIMBS(plain):
        raise Malformed(400, "the path climbs, or holds a backslash")
    path = _DOT_SEGMENTS.sub(b"/", plain)
    if path != raw and _AMBIGUOUS(path):
        raise Malformed(400, "the path can be read in two ways")
    return path.decode("ascii")


def _canonical_escape(match: re.Match[bytes]) -> bytes:
    octet = bytes.fromhex(match[0][1:].decode("ascii"))
    return octet if _UNRESERVED(octet) else match[0].upper()
