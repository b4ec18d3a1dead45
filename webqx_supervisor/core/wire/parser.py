"""Octets to heads, strictly: what could be read in two ways is refused, never repaired.

A head is accepted or refused as a whole, by one scan (RFC 9112); possessive quantifiers and atomic
groups keep patterns from backtracking, so a hostile head costs no more than a good one. Only a
refused head is looked at again, to say why.
"""

import re
from collections.abc import Sequence

from webqx_supervisor.core.wire.headers import (
    FIELD,
    HOP_BY_HOP,
    PSEUDONYM,
    REQUEST_LINE,
    STATUS_LINE,
    TOKEN,
    Told,
    may_nominate,
)
from webqx_supervisor.core.wire.messages import (
    CHUNKED,
    UNTIL_CLOSE,
    Malformed,
    MalformedAnswer,
    RequestHead,
    ResponseHead,
)
from webqx_supervisor.core.wire.scan import (
    NO_NUMBER,
    TOO_LARGE,
    find_end,
    scan_length,
    scan_request,
    scan_response,
)
from webqx_supervisor.core.wire.target import parse_authority, parse_target

HEAD_LIMIT = 16 * 1024
REQUEST_LINE_LIMIT = 8 * 1024
FIELD_LIMIT = 100
RESPONSE_HEAD_LIMIT = 64 * 1024

# The beginning of a head: a whole first line, or an unfinished one.
_FIRST_LINE = re.compile(REQUEST_LINE + rb"|HTTP/[^\r\n]*+\r\n").fullmatch
_BEGINNING = re.compile(TOKEN + rb"(?:[ /]|\Z)|\r?\Z").match
_BARE_LF = re.compile(rb"(?<!\r)\n").search

_TOKEN_LIST = re.compile(rb"[\t ,]*+(?>(?:" + TOKEN + rb"[\t ]*+(?:,[\t ,]*+|\Z))*)").fullmatch
_TOKENS = re.compile(TOKEN).findall
_HOPS = re.compile(rb"[0-9]{1,9}").fullmatch
_PROTOCOL = re.compile(TOKEN + rb"(?:/" + TOKEN + rb")?").fullmatch
_OWN_VIA = re.compile(rb"(?:\A|,)[\t ]*+[^\t ,]++[\t ]++" + PSEUDONYM + rb"(?=[\t ,]|\Z)").findall

_NOTHING: frozenset[bytes] = frozenset()
_USUAL = {
    value: frozenset({value.lower()})
    for value in (b"close", b"Close", b"keep-alive", b"Keep-Alive", b"upgrade", b"Upgrade")
}
"""What nearly everybody says in Connection."""
_NEVER_GRANTED = (b"h2c", b"h2")  # a second protocol on the worker's connection, past every rule


def find_head(buffer: bytes | bytearray, limit: int, searched: int = 0) -> int:
    """Return where the head at the start of `buffer` ends, or -1 when more octets are needed.

    `searched` octets were in the buffer at the last call. Serves requests and answers. Raises
    Malformed as soon as the head cannot become good: 414 for the first line, 431 for the whole
    (more than `limit` octets), 400 for octets that no head begins with and for a bare LF.
    """
    end = find_end(buffer, searched - 3 if searched > 3 else 0)
    if 0 < end <= limit:
        return end
    _refuse_early(buffer, searched)
    if len(buffer) >= limit:
        raise Malformed(431, "the head is too large")
    return -1


def parse_request(head: bytes) -> RequestHead:
    """Read a request's head, from its first octet to the empty line. Raises Malformed."""
    parts = scan_request(head)
    if parts is None:
        raise Malformed(400, _request_fault(head))
    method, target, version, kept, told, fields = parts
    if len(method) + len(target) + len(b"  HTTP/1.1") > REQUEST_LINE_LIMIT:
        raise Malformed(414, "the request target is too long")
    minor = _minor(version)
    if method in (b"CONNECT", b"TRACE"):
        raise Malformed(405, "this method is not served")
    if fields > FIELD_LIMIT:
        raise Malformed(431, "too many fields")
    target, path, named = parse_target(method, target)
    host, authority = _host(told.get(b"host", ()), named, minor)
    nominated = _nominated(told)
    if nominated and not all(map(may_nominate, nominated)):
        raise Malformed(400, "Connection lists a field that must reach the worker")
    length = _body_length(told, minor) or 0
    upgrade = _upgrade(told, nominated) if minor and length == 0 else b""
    if upgrade in _NEVER_GRANTED or (upgrade == b"websocket" and method != b"GET"):
        upgrade = b""
    if nominated:
        kept = _without(kept, nominated)
    # A proxy keeps no HTTP/1.0 client's connection (RFC 9112 section 9.3).
    keep_alive = minor == 1 and b"close" not in nominated
    expects_continue = b"expect" in told and _expects_continue(told, minor) and length != 0
    via_self = b"via" in told and _rounds(told[b"via"]) > 1
    return RequestHead(  # in the order of its fields: names would cost as much as the values
        method,
        b"*" if _is_last_hop(method, told) else target,
        path,
        host,
        authority,
        minor,
        kept,
        head,
        length,
        keep_alive,
        expects_continue,
        upgrade,
        via_self,
    )


def parse_response(head: bytes, request_method: bytes) -> ResponseHead:
    """Read the head of an answer to `request_method`. Raises MalformedAnswer."""
    parts = scan_response(head)
    if parts is None:
        raise MalformedAnswer(_response_fault(head))
    version, status, reason, kept, told, _ = parts
    if len(b"HTTP/1.1 200 ") + len(reason) > REQUEST_LINE_LIMIT:
        raise MalformedAnswer("the status line is too long")
    try:
        minor = _minor(version)
        nominated = _nominated(told)
        length = _body_length(told, minor)
    except Malformed as fault:
        raise MalformedAnswer(fault.reason) from None
    content_length = None if length == CHUNKED else length
    if request_method == b"HEAD" or status < 200 or status in (204, 304):
        length = 0
    elif length is None:
        length = UNTIL_CLOSE
    if nominated:
        kept = _without(kept, nominated)
    return ResponseHead(  # in the order of its fields, as above
        status,
        reason,
        minor,
        kept,
        head,
        length,
        minor == 1 and length != UNTIL_CLOSE and b"close" not in nominated,
        _upgrade(told, nominated),
        b"date" in told,
        content_length,
    )


def _refuse_early(buffer: bytes | bytearray, searched: int) -> None:
    start = 2 if buffer.startswith(b"\r\n") else 0
    end = buffer.find(b"\n", start, start + REQUEST_LINE_LIMIT + 2) + 1
    if end == 0 and len(buffer) >= start + REQUEST_LINE_LIMIT + 2:
        raise Malformed(414, "the first line is too long")
    if end == 0 and _BEGINNING(buffer, start) is None:
        raise Malformed(400, "this is not HTTP/1")
    if end and _FIRST_LINE(buffer, start, end) is None:
        raise Malformed(400, _request_fault(bytes(buffer[start:end])))
    if _BARE_LF(buffer, searched):
        raise Malformed(400, "a line ends without CR")


def _minor(version: bytes) -> int:
    """Return 0 or 1; a later 1.x is as good as 1.1 (RFC 9110 section 2.5)."""
    if version == b"1.1":
        return 1
    if version[0] != 0x31:
        raise Malformed(400 if version[0] == 0x30 else 505, "only HTTP/1 is spoken here")
    return 0 if version == b"1.0" else 1


def _host(values: Sequence[bytes], named: bytes | None, minor: int) -> tuple[bytes, bytes]:
    """Return (host to route by, authority to forward); what the target names goes first."""
    if len(values) != 1 and (values or minor):
        raise Malformed(400, "there must be exactly one Host")
    host = b""
    for value in values:
        host = parse_authority(value)
    if named is not None:
        return parse_authority(named), named
    return host, values[0] if values else b""


def _nominated(told: Told) -> frozenset[bytes]:
    values = told.get(b"connection")
    if values is None:
        return _NOTHING
    if len(values) == 1:
        names = _USUAL.get(values[0])
        if names is not None:
            return names
    return frozenset(_tokens(b",".join(values), "Connection is not a list of names"))


def _without(lines: bytes, nominated: frozenset[bytes]) -> bytes:
    """Take out the lines that Connection lists; mostly it lists only what never passes."""
    unwanted = nominated - HOP_BY_HOP
    if not unwanted:
        return lines
    kept = lines.splitlines(keepends=True)
    return b"".join(line for line in kept if line.partition(b":")[0].lower() not in unwanted)


def _tokens(value: bytes, fault: str) -> list[bytes]:
    if _TOKEN_LIST(value) is None:
        raise Malformed(400, fault)
    tokens: list[bytes] = _TOKENS(value.lower())
    return tokens


def _body_length(told: Told, minor: int) -> int | None:
    """Return what the fields say of the body, or None (RFC 9112 section 6.3, without leniency)."""
    lengths = told.get(b"content-length")
    codings = told.get(b"transfer-encoding")
    if codings is None:
        return None if lengths is None else _content_length(lengths)
    if lengths is not None:
        raise Malformed(400, "both Content-Length and Transfer-Encoding")
    if minor == 0:
        raise Malformed(400, "Transfer-Encoding in HTTP/1.0")
    if codings != [b"chunked"]:
        _check_codings(_tokens(b",".join(codings), "Transfer-Encoding is malformed"))
    return CHUNKED


def _check_codings(codings: list[bytes]) -> None:
    if codings[-1:] != [b"chunked"] or codings.count(b"chunked") > 1:
        raise Malformed(400, "the body is not chunked once and last")
    if len(codings) > 1:
        raise Malformed(501, "chunked is the only transfer coding known here")


def _content_length(values: list[bytes]) -> int:
    length = scan_length(values[0]) if len(values) == 1 else NO_NUMBER
    if length == NO_NUMBER:
        raise Malformed(400, "Content-Length is not one number")
    if length == TOO_LARGE:
        raise Malformed(413, "Content-Length is too large")
    return length


def _expects_continue(told: Told, minor: int) -> bool:
    """HTTP/1.0 knows no expectations; any but 100-continue is refused (RFC 9110 section 10.1.1)."""
    values = told.get(b"expect")
    if values is None or minor == 0:
        return False
    if any(value.lower() != b"100-continue" for value in values):
        raise Malformed(417, "the only expectation met here is 100-continue")
    return True


def _upgrade(told: Told, nominated: frozenset[bytes]) -> bytes:
    """Return the one protocol that is asked for in due form; anything else may be ignored."""
    values = told.get(b"upgrade")
    if values is None or b"upgrade" not in nominated or len(values) > 1:
        return b""
    return values[0].lower() if _PROTOCOL(values[0]) else b""


def _is_last_hop(method: bytes, told: Told) -> bool:
    """Say whether Max-Forwards forbids to forward this OPTIONS (RFC 9110 section 7.6.2)."""
    values = told.get(b"max-forwards")
    if values is None or method != b"OPTIONS":
        return False
    if len(values) > 1 or _HOPS(values[0]) is None:
        raise Malformed(400, "Max-Forwards is not one number")
    return int(values[0]) == 0


def _rounds(via: list[bytes]) -> int:
    """Count how often this product stands in Via."""
    return sum(len(_OWN_VIA(value.lower())) for value in via)


def _request_fault(head: bytes) -> str:
    line, _, fields = head.removeprefix(b"\r\n").partition(b"\r\n")
    if re.fullmatch(REQUEST_LINE, line + b"\r\n"):
        return _field_fault(fields)
    if b"\n" in line or b"\r" in line:
        return "a line ends with a bare CR or LF"
    if re.search(rb" HTTP/[0-9]\.[0-9]\Z", line) is None:
        return "the request line names no HTTP version"
    return "the request line is not METHOD SP target SP version"


def _response_fault(head: bytes) -> str:
    line, _, fields = head.partition(b"\r\n")
    if re.fullmatch(STATUS_LINE, line + b"\r\n"):
        return _field_fault(fields)
    return "the status line is malformed"


def _field_fault(fields: bytes) -> str:
    for line in fields.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            return "a line is folded, or begins with a blank"
        if b"\n" in line or b"\r" in line:
            return "a line ends with a bare CR or LF"
        if line and re.fullmatch(TOKEN + rb":.*", line, re.DOTALL) is None:
            return "a field does not begin with a name and a colon"
        if line and re.fullmatch(FIELD, line) is None:
            return "a field holds a control octet"
    return "the head does not end where it should"
