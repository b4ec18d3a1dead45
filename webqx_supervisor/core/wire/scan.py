"""A whole head to its parts in one pass: what is forwarded as it is, what the proxy must know.

The strictest room of the house, and the busiest: every octet of every head goes through here. What
is written here in patterns is written again in scan.pyx for the compiler, ten times as fast; the
tests hold both to the same answers. Only what has one reading is accepted (RFC 9112 sections 2 to
5); the caller finds out what was wrong with the rest.
"""

import re
from collections.abc import Callable

from webqx_supervisor.core.wire.headers import (
    FIELD,
    REQUEST_LINE,
    REQUEST_TELLING,
    RESPONSE_TELLING,
    STATUS_LINE,
    Told,
    passes_to_client,
    passes_to_worker,
    split_fields,
)
from webqx_supervisor.core.wire.messages import LENGTH_LIMIT

NO_NUMBER = -1
TOO_LARGE = -2

RequestParts = tuple[bytes, bytes, bytes, bytes, Told, int]
"""Method, target, version ("1.1"), the lines that pass, what was told, how many fields."""

ResponseParts = tuple[bytes, int, bytes, bytes, Told, int]
"""Version, status, reason, the lines that pass, what was told, how many fields."""

# Only single octets repeat possessively, groups are atomic: up to CPython 3.11.4 a possessive group
# may keep what its last, failed pass consumed (gh-100061).
_FIELDS = rb"(?>(?:" + FIELD + rb"\r\n)*)\r\n"

_DIGITS = re.compile(rb"[0-9]++").fullmatch
_REQUEST = re.compile(rb"(?:\r\n)?" + REQUEST_LINE + _FIELDS).fullmatch
_RESPONSE = re.compile(STATUS_LINE + _FIELDS).fullmatch


def find_end(buffer: bytes | bytearray, start: int) -> int:
    """Return where the first empty line at or after `start` ends; -1 if there is none."""
    at = buffer.find(b"\r\n\r\n", start)
    return at if at < 0 else at + 4


def scan_length(value: bytes) -> int:
    """Return what a Content-Length says; NO_NUMBER, or TOO_LARGE for more than LENGTH_LIMIT."""
    if _DIGITS(value) is None:
        return NO_NUMBER
    digits = value.lstrip(b"0") or b"0"
    # Counted before converted: int() of thousands of digits is slow, then refused.
    length = int(digits) if len(digits) <= 16 else LENGTH_LIMIT + 1
    return length if length <= LENGTH_LIMIT else TOO_LARGE


def scan_request(head: bytes) -> RequestParts | None:
    """Take a request's head apart, from its first octet to the empty line; None: malformed.

    The lines that pass are written anew as `Name: value`.
    """
    match = _REQUEST(head)
    if match is None:
        return None
    method, target, version = match.groups()
    return method, target, version, *_sort(head, passes_to_worker, REQUEST_TELLING)


def scan_response(head: bytes) -> ResponseParts | None:
    """Take an answer's head apart in the same way."""
    match = _RESPONSE(head)
    if match is None:
        return None
    version, status, reason = match.groups()
    return version, int(status), reason or b"", *_sort(head, passes_to_client, RESPONSE_TELLING)


def _sort(
    head: bytes, passes: Callable[[bytes], bool], telling: frozenset[bytes]
) -> tuple[bytes, Told, int]:
    fields = split_fields(head)
    told: Told = {}
    for name, value in fields:
        lower = name.lower()
        if lower in telling:
            told.setdefault(lower, []).append(value)
    kept = b"".join([b"%b: %b\r\n" % field for field in fields if passes(field[0])])
    return kept, told, len(fields)
