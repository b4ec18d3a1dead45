"""core/tracing.py, core/requestid.py: what is passed on of what others have begun."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.requestid import is_request_id
from webqx_supervisor.core.tracing import (
    RANDOM,
    Parent,
    begin,
    is_chosen,
    parent_of,
    read_traceparent,
    traceparent,
)

TRACE = b"0af7651916cd43dd8448eb211c80319c"
SPAN = b"b7ad6b7169203331"
GOOD = b"00-" + TRACE + b"-" + SPAN + b"-01"
PARENT = Parent(TRACE.decode(), SPAN.decode(), sampled=True)


@pytest.mark.parametrize(
    "value", [GOOD, GOOD[:-2] + b"00", b"cc" + GOOD[2:], b"01" + GOOD[2:] + b"-what-follows"]
)
def test_a_well_formed_traceparent_names_its_trace(value):
    read = read_traceparent(value)
    assert read is not None
    assert (read.trace, read.span) == (TRACE.decode(), SPAN.decode())


@pytest.mark.parametrize(
    ("flags", "sampled"), [(b"00", False), (b"01", True), (b"02", False), (b"ff", True)]
)
def test_a_flag_says_whether_it_is_recorded(flags, sampled):
    read = read_traceparent(GOOD[:-2] + flags)
    assert read is not None
    assert read.sampled is sampled


@pytest.mark.parametrize(
    "value",
    [
        b"",
        GOOD[:-1],
        GOOD + b"0",
        GOOD + b"-x",
        GOOD + b"\n",
        GOOD.upper(),
        b"ff" + GOOD[2:],
        b"01" + GOOD[2:] + b"x",
        b"00-" + b"0" * 32 + GOOD[35:],
        GOOD[:36] + b"0" * 16 + b"-01",
        GOOD.replace(b"-", b"_"),
        b" " + GOOD,
    ],
)
def test_a_malformed_one_names_none(value):
    assert read_traceparent(value) is None


@pytest.mark.parametrize(
    ("lines", "parent"),
    [
        (b"Host: a\r\nTraceParent: " + GOOD + b"\r\nA: b\r\n", PARENT),
        (b"traceparent: " + GOOD + b"\r\n", PARENT),
        (b"x-traceparent: " + GOOD + b"\r\n", None),
        (b"", None),
        ((b"traceparent: " + GOOD + b"\r\n") * 2, None),
        (b"traceparent: nonsense\r\n", None),
    ],
)
def test_one_traceparent_among_the_fields_says_who_asks(lines, parent):
    assert parent_of(lines) == parent


@given(st.binary(min_size=RANDOM, max_size=RANDOM), st.booleans())
def test_what_is_written_is_what_is_read(random, sampled):
    own = begin(random)
    line = traceparent(own.trace, own.span, sampled=sampled)
    assert parent_of(line) == Parent(own.trace, own.span, sampled)


def test_zeros_are_no_id():
    for random in (bytes(RANDOM), bytes(16) + b"x" * 8, b"x" * 16 + bytes(8)):
        own = begin(random)
        assert parent_of(traceparent(own.trace, own.span, sampled=True)) == own


def test_the_share_goes_by_the_trace():
    low, high = "f" * 16 + "0" * 15 + "1", "0" * 16 + "f" * 16
    assert [is_chosen(low, share) for share in (0, 1e-9, 0.5, 1)] == [False, True, True, True]
    assert [is_chosen(high, share) for share in (0, 0.5, 0.999, 1)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("value", "good"),
    [
        (b"7f3c2e9a-1b2c-4d5e-8f90-abcdefabcdef", True),
        (b"Root=1-67891233-abcdef012345678912345678", True),
        (b"a" * 128, True),
        (b"a" * 129, False),
        (b"", False),
        (b"a b", False),
        (b"a,b", False),
        (b"a\xe4", False),
        (b"<script>", False),
        (b"a\n", False),
    ],
)
def test_an_id_is_one_plain_word(value, good):
    assert is_request_id(value) is good
