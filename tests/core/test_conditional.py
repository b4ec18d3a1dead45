"""core/conditional.py: conditions and ranges, as RFC 9110 has them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.conditional import (
    FAILED,
    GET,
    NOT_MODIFIED,
    Unsatisfiable,
    evaluate,
    parse_date,
    part,
)
from webqx_supervisor.core.wire.writer import http_date

ETAG = b'"a-1"'
THEN = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
LATER = b"Sun, 06 Nov 1994 08:49:38 GMT"
BEFORE = b"Sun, 06 Nov 1994 08:49:36 GMT"
NOW = THEN + 60.0


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ([], GET),
        ([(b"If-None-Match", b'"a-1"')], NOT_MODIFIED),
        ([(b"if-none-match", b'W/"a-1"')], NOT_MODIFIED),
        ([(b"If-None-Match", b'"x", "a-1"')], NOT_MODIFIED),
        ([(b"If-None-Match", b'"x"'), (b"If-None-Match", b'"a-1"')], NOT_MODIFIED),
        ([(b"If-None-Match", b"*")], NOT_MODIFIED),
        ([(b"If-None-Match", b'"x"')], GET),
        ([(b"If-None-Match", b"a-1")], GET),
        ([(b"If-None-Match", b'"x", "a-1')], GET),
        ([(b"If-None-Match", b"")], GET),
        ([(b"If-Modified-Since", DATE)], NOT_MODIFIED),
        ([(b"If-Modified-Since", LATER)], NOT_MODIFIED),
        ([(b"If-Modified-Since", BEFORE)], GET),
        ([(b"If-Modified-Since", b"yesterday")], GET),
        ([(b"If-None-Match", b'"x"'), (b"If-Modified-Since", LATER)], GET),
        ([(b"If-Match", b'"a-1"')], GET),
        ([(b"If-Match", b"*")], GET),
        ([(b"If-Match", b'W/"a-1"')], FAILED),
        ([(b"If-Match", b'"x"')], FAILED),
        ([(b"If-Unmodified-Since", DATE)], GET),
        ([(b"If-Unmodified-Since", BEFORE)], FAILED),
        ([(b"If-Unmodified-Since", b"never")], GET),
        ([(b"If-Match", b'"a-1"'), (b"If-Unmodified-Since", BEFORE)], GET),
        ([(b"If-Match", b'"a-1"'), (b"If-None-Match", b'"a-1"')], NOT_MODIFIED),
    ],
)
def test_conditions_are_judged_in_the_order_of_the_standard(fields, verdict):
    assert evaluate(fields, ETAG, THEN) == verdict


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (b"bytes=0-0", (0, 1)),
        (b"bytes=0-", (0, 10)),
        (b"bytes=2-4", (2, 3)),
        (b"Bytes= 2-4 ", (2, 3)),
        (b"bytes=9-", (9, 1)),
        (b"bytes=9-999", (9, 1)),
        (b"bytes=9-" + b"9" * 5000, (9, 1)),
        (b"bytes=-3", (7, 3)),
        (b"bytes=-99", (0, 10)),
        (b"bytes=0-1,3-4", None),
        (b"bytes=4-2", None),
        (b"bytes=-", None),
        (b"bytes=a-b", None),
        (b"bytes 0-1", None),
        (b"lines=0-1", None),
        (b"", None),
    ],
)
def test_a_range_is_a_part_or_nothing_at_all(asked, found):
    assert part([(b"Range", asked)], 10, ETAG, THEN, NOW) == found


@pytest.mark.parametrize(
    "asked", [b"bytes=10-", b"bytes=10-11", b"bytes=-0", b"bytes=" + b"9" * 5000 + b"-"]
)
def test_a_part_that_is_not_there_cannot_be_had(asked):
    with pytest.raises(Unsatisfiable):
        part([(b"Range", asked)], 10, ETAG, THEN, NOW)


def test_of_nothing_there_is_no_part():
    assert part([(b"Range", b"bytes=0-")], 0, ETAG, THEN, NOW) is None


@pytest.mark.parametrize(
    ("condition", "now", "holds"),
    [
        (ETAG, NOW, True),
        (b'"x"', NOW, False),
        (b'W/"a-1"', NOW, False),
        (DATE, NOW, True),
        (LATER, NOW, False),
        (BEFORE, NOW, False),
        (DATE, THEN + 0.5, False),  # the file may change again within its second
        (b"", NOW, False),
    ],
)
def test_parts_of_two_files_are_never_put_together(condition, now, holds):
    fields = [(b"Range", b"bytes=1-"), (b"If-Range", condition)]
    assert part(fields, 10, ETAG, THEN, now) == ((1, 9) if holds else None)


@given(st.binary(max_size=40) | st.from_regex(rb"bytes=[0-9]{0,3}-[0-9]{0,3}"), st.integers(0, 99))
def test_a_part_always_lies_within_the_file(asked, size):
    try:
        found = part([(b"Range", asked)], size, ETAG, THEN, NOW)
    except Unsatisfiable:
        return
    if found is not None:
        begin, length = found
        assert 0 <= begin < begin + length <= size


@pytest.mark.parametrize(
    "text",
    [DATE, b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"],
)
def test_all_three_forms_of_a_date_are_read(text):
    assert parse_date(text) == THEN


@pytest.mark.parametrize(
    "text", [b"Sun, 31 Feb 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 25:00:00 GMT", b"x", b""]
)
def test_no_other_date_is_one(text):
    assert parse_date(text) is None


@given(st.integers(0, int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())))
def test_a_date_that_was_written_is_read_again(moment):
    assert parse_date(http_date(moment)) == moment


@given(st.binary(max_size=60))
def test_whatever_a_condition_says_there_is_a_verdict(value):
    for name in (b"If-Match", b"If-None-Match", b"If-Modified-Since", b"If-Unmodified-Since"):
        assert evaluate([(name, value)], ETAG, THEN) in (GET, NOT_MODIFIED, FAILED)
