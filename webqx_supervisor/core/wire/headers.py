"""What a head's lines may look like, and which fields go no further than this hop.

Grammar: RFC 9112 sections 3 and 4, RFC 9110 section 5. Hop-by-hop fields: RFC 9110 section 7.6.1,
named here whether or not Connection nominates them, because senders forget to.
"""

import functools
import re
from collections.abc import Iterable

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
FIELD = TOKEN + rb":[\t -~\x80-\xff]*+"
"""A field line without its CRLF: a token, a colon at once, no control octet but HTAB."""

REQUEST_LINE = rb"(" + TOKEN + rb") ([!\"$-~]++) HTTP/([0-9]\.[0-9])\r\n"
"""Method, target, version."""
STATUS_LINE = rb"HTTP/(1\.[0-9]) ([1-5][0-9][0-9])(?: ([\t -~\x80-\xff]*+))?\r\n"
"""Version, status, reason if there is one."""

Told = dict[bytes, list[bytes]]
"""The values of the fields that tell the proxy something, by their lower-case names."""

PSEUDONYM = b"webqx-sv"
"""What this product calls itself in Via (RFC 9110 section 7.6.3)."""

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
REQUEST_DROPPED = HOP_BY_HOP | {
    # written anew by the writer
    b"host",
    b"content-length",
    b"expect",
    # meant for a hop that is not the worker
    b"http2-settings",
    b"proxy-authorization",
    # a CGI or WSGI worker would see HTTP_PROXY
    b"proxy",
    # who the client is, is for the proxy to say
    b"forwarded",
    b"x-real-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"true-client-ip",
    b"cf-connecting-ip",
    # some frameworks route by these instead of the target
    b"x-original-url",
    b"x-rewrite-url",
}
RESPONSE_DROPPED = HOP_BY_HOP | {b"content-length"}
"""Fields that are never forwarded as they came; lower case."""

REQUEST_TELLING = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"max-forwards",
        b"transfer-encoding",
        b"upgrade",
        b"via",
    }
)
RESPONSE_TELLING = frozenset(
    {b"connection", b"content-length", b"date", b"transfer-encoding", b"upgrade"}
)
"""Fields that the proxy itself must understand; lower case."""

_FIELD_PARTS = re.compile(rb"\n([^:\r]++):[\t ]*+([^\r]*+)\r").findall
_NOT_NOMINABLE = re.compile(
    rb"(?:host|authorization|cookie|forwarded|x-request-id|traceparent)\Z|content-|x-forwarded-"
).match


# Clients send the same few names again and again; the cache answers in a third of the time that
# the three questions take. It is small because a client may also send ever new names.
@functools.lru_cache(maxsize=256)
def passes_to_worker(name: bytes) -> bool:
    """Say whether a request's field is forwarded as it is, whatever Connection nominates.

    A name with an underscore is not: CGI, WSGI and their like cannot tell X_Real_IP from
    X-Real-IP.
    """
    lower = name.lower()
    return not (lower in REQUEST_DROPPED or lower.startswith(b"x-forwarded-") or b"_" in lower)


@functools.lru_cache(maxsize=256)
def passes_to_client(name: bytes) -> bool:
    """Say whether an answer's field is relayed as it is, whatever Connection nominates."""
    return name.lower() not in RESPONSE_DROPPED


def split_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return the names and values, without blanks around them, of a well-formed head's fields."""
    block = head[head.find(b"\r\n", 2) :]  # an empty line may come before the first
    fields: list[tuple[bytes, bytes]] = _FIELD_PARTS(block)
    # Blanks at the end of a value are rare; looking for any costs less than matching them.
    if b" \r" in block or (b"\t" in block and b"\t\r" in block):
        return [(name, value.rstrip(b"\t ")) for name, value in fields]
    return fields


def may_nominate(name: bytes) -> bool:
    """Say whether Connection may list this lower-case name.

    A client that could have Host, a credential or an X-Forwarded field removed on the way would
    decide what the worker believes.
    """
    return _NOT_NOMINABLE(name) is None


def is_event_stream(fields: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether an answer is a stream of server-sent events, whatever its parameters."""
    kinds = (value for name, value in fields if name.lower() == b"content-type")
    return any(kind.partition(b";")[0].strip().lower() == b"text/event-stream" for kind in kinds)


def forwarded_block(client_ip: str, scheme: str) -> bytes:
    """Return the lines that tell a worker who its client is; the same for a whole connection."""
    return (
        f"X-Forwarded-For: {client_ip}\r\nX-Forwarded-Proto: {scheme}\r\nX-Real-IP: {client_ip}\r\n"
    ).encode("ascii")
