"""core/tracing.py, core/requestid.py: what is passed on of what others have begun."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.requestid import is_request_id
from webqx_supervisor.core.tracing import RANDOM, begin, trace_id

TRACE = b"0af7651916cd43dd8448eb211c80319c"
GOOD = b"00-" + TRACE + b"-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    "value", [GOOD, GOOD[:-2] + b"00", b"cc" + GOOD[2:], b"01" + GOOD[2:] + b"-what-follows"]
)
def test_a_well_formed_traceparent_names_its_trace(value):
    assert trace_id(value) == TRACE.decode()


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
    assert trace_id(value) == ""


@given(st.binary(min_size=RANDOM, max_size=RANDOM))
def test_what_begins_here_is_well_formed(random):
    trace, traceparent = begin(random)
    assert trace_id(traceparent) == trace


def test_zeros_are_no_id():
    for random in (bytes(RANDOM), bytes(16) + b"x" * 8, b"x" * 16 + bytes(8)):
        assert trace_id(begin(random)[1])


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
