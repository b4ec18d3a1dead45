"""Conditions that a client sets for an answer (RFC 9110 section 13), and parts of it (14)."""

import functools
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from webqx_supervisor.core.wire.writer import http_date

GET, NOT_MODIFIED, FAILED = 200, 304, 412
"""What becomes of a request: it is served, the client has it already, its condition is false."""

Fields = Iterable[tuple[bytes, bytes]]

_TAG = rb"(?:W/)?\"[!#-~\x80-\xff]*+\""
_TAGS = re.compile(_TAG).findall
_TAG_LIST = re.compile(
    rb"[\t ,]*+" + _TAG + rb"(?:[\t ]*+,[\t ,]*+(?:" + _TAG + rb")?+)*+"
).fullmatch
_RANGE = re.compile(rb"(?i:bytes)=[\t ]*+(?:([0-9]++)-([0-9]*+)|-([0-9]++))[\t ]*+").fullmatch
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTH = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATES = (
    re.compile(
        rb"[A-Z][a-z]{2}, (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT"
    ),
    re.compile(
        rb"[A-Z][a-z]{5,8}, (?P<day>[0-9]{2})-"
        + _MONTH
        + rb"-(?P<year>[0-9]{2}) "
        + _TIME
        + rb" GMT"
    ),
    re.compile(
        rb"[A-Z][a-z]{2} " + _MONTH + rb" (?P<day>[0-9 ][0-9]) " + _TIME + rb" (?P<year>[0-9]{4})"
    ),
)
"""As they are written now, by RFC 850, and by asctime() of C."""
_LONG = 18  # digits; more are beyond all files


class Unsatisfiable(Exception):  # noqa: N818 - what the range is
    """The file has no such part."""


def evaluate(fields: Fields, etag: bytes, modified: int) -> int:
    """Return what becomes of a GET or HEAD, in the order of section 13.2.2.

    `etag` is a strong one, `modified` a Unix time in seconds. A date that is malformed is no
    condition, a list of tags that is malformed names none.
    """
    said = _combined(fields)
    if b"if-match" in said:
        if not _names(said[b"if-match"], etag, strong=True):
            return FAILED
    elif (since := parse_date(said.get(b"if-unmodified-since"))) is not None and modified > since:
        return FAILED
    if b"if-none-match" in said:
        return NOT_MODIFIED if _names(said[b"if-none-match"], etag, strong=False) else GET
    since = parse_date(said.get(b"if-modified-since"))
    return NOT_MODIFIED if since is not None and modified <= since else GET


def part(
    fields: Fields, size: int, etag: bytes, modified: int, now: float
) -> tuple[int, int] | None:
    """Return where the part that a GET asks for begins, and its length; None: it gets the whole.

    Several ranges at once are answered with the whole, as section 14.2 allows. Raises
    Unsatisfiable.
    """
    said = _combined(fields)
    asked = said.get(b"range")
    if asked is None or not size or not _still(said.get(b"if-range"), etag, modified, now):
        return None
    match = _RANGE(asked)
    if match is None:
        return None
    if match[3]:
        length = min(_number(match[3]), size)
        if not length:
            raise Unsatisfiable
        return size - length, length
    begin = _number(match[1])
    last = min(_number(match[2]), size - 1) if match[2] else size - 1
    if match[2] and _number(match[2]) < begin:
        return None  # invalid, and to be ignored (section 14.1.1)
    if begin >= size:
        raise Unsatisfiable
    return begin, last - begin + 1


@functools.lru_cache(maxsize=1024)
def parse_date(text: bytes | None) -> int | None:
    """Read a date in one of the three forms of section 5.6.7; None: there is none."""
    if text is None:
        return None
    match = next(filter(None, (form.fullmatch(text) for form in _DATES)), None)
    if match is None:
        return None
    year = int(match["year"])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    month = _MONTHS.index(match["month"]) + 1
    clock = int(match["hour"]), int(match["minute"]), min(int(match["second"]), 59)
    try:
        return int(datetime(year, month, int(match["day"]), *clock, tzinfo=UTC).timestamp())
    except ValueError:
        return None


@functools.lru_cache(maxsize=1024)
def last_modified(modified: int) -> bytes:
    """Return the whole Last-Modified line."""
    return b"Last-Modified: %b\r\n" % http_date(modified)


def _combined(fields: Fields) -> dict[bytes, bytes]:
    """Return the fields by their lower-case names; lines of one name are one list (section 5.3)."""
    said: dict[bytes, bytes] = {}
    for name, value in fields:
        lower = name.lower()
        said[lower] = said[lower] + b", " + value if lower in said else value
    return said


def _names(tags: bytes, etag: bytes, *, strong: bool) -> bool:
    """Say whether a list of tags names this one (section 8.8.3.2)."""
    if tags == b"*":
        return True
    if not _TAG_LIST(tags):
        return False
    return any(tag == etag or (not strong and tag == b"W/" + etag) for tag in _TAGS(tags))


def _still(condition: bytes | None, etag: bytes, modified: int, now: float) -> bool:
    """Say whether a client that has a part of what If-Range names can use another part (13.1.5)."""
    if condition is None or condition == etag:
        return True
    # A date is a strong validator once a second change within its second is out of the question.
    return parse_date(condition) == modified and modified < int(now)


def _number(digits: bytes) -> int:
    digits = digits.lstrip(b"0")
    return int(digits or b"0") if len(digits) <= _LONG else 10**_LONG
