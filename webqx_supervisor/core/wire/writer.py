"""Heads to octets: every message is written anew, with one framing, from what was understood."""

import re
from datetime import UTC, datetime
from http import HTTPStatus

from webqx_supervisor.core.wire.headers import PSEUDONYM
from webqx_supervisor.core.wire.messages import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ALLOW = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
"""What a proxy can say of the methods it serves: for 405 and for its own OPTIONS answers."""

_VIA = (b"Via: 1.0 " + PSEUDONYM + b"\r\n", b"Via: 1.1 " + PSEUDONYM + b"\r\n")
_CHUNKED_FIELD = b"Transfer-Encoding: chunked\r\n"
_CLOSE = b"Connection: close\r\n"
_OTHER_HOST = b"X-Forwarded-Host: "
_WITH_CONTENT = frozenset({b"POST", b"PUT", b"PATCH"})
_MAX_FORWARDS = re.compile(rb"(?im)^(Max-Forwards: )([0-9]+)(?=\r$)").sub
_UNPRINTABLE = re.compile(r"[^ -~]")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def render_request(head: RequestHead, forwarded: bytes, upgrade: bytes = b"") -> bytes:
    """Return the head that goes to a worker.

    `forwarded` is the connection's forwarded_block, or what takes its place: it begins with
    X-Forwarded-Host if that is not `head.authority`. `upgrade` is a granted protocol. `Expect` is
    written when `head.expects_continue` still holds, so a body must not have been sent before.
    """
    kept = head.kept
    if head.method == b"OPTIONS":
        kept = _MAX_FORWARDS(_one_hop_less, kept)
    parts = [head.method, b" ", head.target, b" HTTP/1.1\r\nHost: ", head.authority, b"\r\n", kept]
    if head.length == CHUNKED:
        parts.append(_CHUNKED_FIELD)
    elif head.length or head.method in _WITH_CONTENT:
        parts += _length_field(head.length)
    if head.expects_continue:
        parts.append(b"Expect: 100-continue\r\n")
    if upgrade:
        parts.append(_upgrade_fields(upgrade))
    if head.authority and not forwarded.startswith(_OTHER_HOST):
        parts += (b"X-Forwarded-Host: ", head.authority, b"\r\n")
    parts += (forwarded, _VIA[head.minor], b"\r\n")
    return b"".join(parts)


def render_response(
    head: ResponseHead,
    close: bool,
    client_minor: int,
    length: int,
    upgrade: bytes = b"",
    date: bytes = b"",
) -> bytes:
    """Return the head that goes to a client, framed by `length`.

    CHUNKED is for HTTP/1.1 clients only; UNTIL_CLOSE implies `close`. With 0 the worker's own
    Content-Length stands, which HEAD and 304 need. `date` is a whole Date line, written where the
    worker wrote none (RFC 9110 section 6.6.1).
    """
    assert client_minor or length != CHUNKED, "HTTP/1.0 knows no chunks"
    parts = [b"HTTP/1.1 ", str(head.status).encode(), b" ", head.reason, b"\r\n", head.kept]
    if length == CHUNKED:
        parts.append(_CHUNKED_FIELD)
    elif length > 0:
        parts += _length_field(length)
    elif length == 0 and head.content_length is not None and head.status not in (101, 204):
        parts += _length_field(head.content_length)
    if upgrade:
        parts.append(_upgrade_fields(upgrade))
    elif close or length == UNTIL_CLOSE or not client_minor:
        parts.append(_CLOSE)
    if not head.dated:
        parts.append(date)
    parts += (_VIA[head.minor], b"\r\n")
    return b"".join(parts)


def render_informational(head: ResponseHead) -> bytes:
    """Return an interim answer (1xx) for an HTTP/1.1 client: it has fields, never a body."""
    start = b"HTTP/1.1 %d %b\r\n" % (head.status, head.reason)
    return b"".join((start, head.kept, _VIA[head.minor], b"\r\n"))


def render_error(
    status: int,
    *,
    request_id: str,
    reason: str,
    close: bool,
    head_only: bool = False,
    extra: bytes = b"",
) -> bytes:
    """Return a whole answer of the proxy's own in plain text; `extra` holds whole field lines.

    405 says which methods are allowed by itself, unless `extra` does. No cache may keep the answer:
    it tells of this moment, not of the resource.
    """
    mark = _printable(request_id)
    body = f"{status} {_phrase(status)}: {_printable(reason)}\nrequest {mark}\n".encode("ascii")
    page = body, b"text/plain; charset=utf-8"
    return render_error_page(
        status, page, request_id=mark, close=close, head_only=head_only, extra=extra
    )


def render_error_page(
    status: int,
    page: tuple[bytes, bytes],
    *,
    request_id: str,
    close: bool,
    head_only: bool,
    extra: bytes,
) -> bytes:
    """Return the same with a body and content type of somebody else's."""
    body, kind = page
    if b"x-request-id:" not in extra.lower():
        extra += b"X-Request-Id: %b\r\n" % request_id.encode("ascii")
    extra += b"Cache-Control: no-store\r\n"
    if status == 405 and b"\nAllow:" not in b"\n" + extra:
        extra += ALLOW
    answer = render_simple_response(status, body, kind, close=close, extra=extra)
    return answer[: len(answer) - len(body)] if head_only else answer


def render_simple_request(
    method: bytes, target: bytes, host: bytes, body: bytes, content_type: bytes
) -> bytes:
    """Return a whole request of our own; without a body it has no Content-Type."""
    start = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method, target, host)
    if body:
        start += b"Content-Type: %b\r\n" % content_type
    if body or method in _WITH_CONTENT:
        start += b"Content-Length: %d\r\n" % len(body)
    return start + b"\r\n" + body


def render_simple_response(
    status: int, body: bytes, content_type: bytes, close: bool, extra: bytes = b""
) -> bytes:
    """Return a whole answer of our own; `extra` holds whole field lines."""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b%b\r\n%b" % (
        status,
        _phrase(status).encode("ascii"),
        content_type,
        len(body),
        extra,
        _CLOSE if close else b"",
        body,
    )


def render_own_head(
    status: int, length: int, content_type: bytes, close: bool, extra: bytes
) -> bytes:
    """Return the head of an answer of our own with so many octets; `extra` holds whole lines.

    CHUNKED is for HTTP/1.1 clients only; UNTIL_CLOSE implies `close`.
    """
    parts = [b"HTTP/1.1 %d %b\r\n" % (status, _phrase(status).encode("ascii")), extra]
    if content_type and length:
        parts.append(b"Content-Type: %b\r\n" % content_type)
    if length == CHUNKED:
        parts.append(_CHUNKED_FIELD)
    elif length >= 0 and status not in (204, 304):
        parts += _length_field(length)
    if close:
        parts.append(_CLOSE)
    parts.append(b"\r\n")
    return b"".join(parts)


def render_stream_head(status: int, content_type: bytes) -> bytes:
    """Return the head of an answer of our own whose body follows in chunks."""
    return render_own_head(status, CHUNKED, content_type, close=False, extra=b"")


def date_field(now: float) -> bytes:
    """Return the Date line for a Unix time in seconds."""
    return b"Date: %b\r\n" % http_date(now)


def http_date(now: float) -> bytes:
    """Return how a field says a Unix time in seconds (RFC 9110 section 5.6.7)."""
    # Not strftime: its names follow the locale.
    at = datetime.fromtimestamp(int(now), UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at:%d} {month} {at.year:04} {at:%H:%M:%S} GMT".encode("ascii")


def _length_field(length: int) -> tuple[bytes, bytes, bytes]:
    return b"Content-Length: ", str(length).encode(), b"\r\n"


def _one_hop_less(match: re.Match[bytes]) -> bytes:
    return b"%b%d" % (match[1], max(int(match[2]) - 1, 0))


def _upgrade_fields(protocol: bytes) -> bytes:
    return b"Connection: upgrade\r\nUpgrade: %b\r\n" % protocol


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
