"""Which content coding a client gets: what it accepts, and what is worth it (RFC 9110 12.5.3).

A client that says nothing may be given anything by the standard, but gets what is there: those who
can decode say so.
"""

import functools
import re
from collections.abc import Sequence

from webqx_supervisor.core.wire.headers import TOKEN

_CODING = re.compile(
    rb"[\t ]*+(" + TOKEN + rb")[\t ]*+(?:;[\t ]*+[qQ]=([01](?:\.[0-9]{0,3})?)[\t ]*+)?"
).fullmatch

_ALSO_TEXT = frozenset(
    b"application/" + kind
    for kind in (
        *(b"javascript", b"json", b"xml", b"wasm", b"x-javascript", b"x-ndjson", b"graphql"),
        *(b"vnd.ms-fontobject", b"x-font-ttf"),
    )
) | {b"image/bmp", b"image/x-icon", b"font/ttf", b"font/otf"}


def choose(accepted: bytes | None, offered: Sequence[bytes]) -> bytes | None:
    """Return the coding of `offered`, best first, that an Accept-Encoding likes most; or None.

    None means the content as it is, also for a field that is malformed.
    """
    if not accepted:
        return None
    likes: dict[bytes, float] = {}
    for item in accepted.split(b","):
        match = _CODING(item)
        if match is None:
            return None
        likes[match[1].lower()] = float(match[2] or 1)
    others = likes.get(b"*", 0.0)
    best, most = None, 0.0
    for coding in offered:
        like = likes.get(coding, others)
        if like > most:
            best, most = coding, like
    return best if most >= likes.get(b"identity", 0.0) else None


@functools.lru_cache(maxsize=256)  # browsers have few
def ranked(accepted: bytes | None, offered: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return all codings that would be chosen, were the ones before them not there."""
    left, order = list(offered), []
    while (best := choose(accepted, left)) is not None:
        order.append(best)
        left.remove(best)
    return tuple(order)


def is_compressible(content_type: bytes) -> bool:
    """Say whether content of this type gets smaller; images, films and archives are packed already.

    Event streams are text, but held up by a coder, so they are none.
    """
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == b"text/event-stream":
        return False
    return kind.startswith(b"text/") or kind.endswith((b"+json", b"+xml")) or kind in _ALSO_TEXT


def weakened(etag: bytes) -> bytes:
    """Return the weak form of an ETag: encoded, the octets are others (RFC 9110 section 8.8.1)."""
    return etag if etag.startswith(b"W/") else b"W/" + etag
