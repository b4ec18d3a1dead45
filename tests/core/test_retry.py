"""core/retry.py: never a silent double."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.retry import IDEMPOTENT, may_retry

METHODS = st.sampled_from([*sorted(IDEMPOTENT), b"POST", b"PATCH", b"CONNECT", b"get", b"LOCK"])


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])
def test_an_idempotent_request_may_go_elsewhere_after_it_was_sent(method: bytes) -> None:
    assert may_retry(method, read=True, replayable=True, attempts=1)


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"CONNECT", b"get", b"BREW", b""])
def test_any_other_may_go_elsewhere_only_if_nothing_of_it_was_sent(method: bytes) -> None:
    assert may_retry(method, read=False, replayable=True, attempts=1)
    assert not may_retry(method, read=True, replayable=True, attempts=1)


@given(METHODS, st.booleans(), st.integers(0, 20))
def test_what_is_no_longer_whole_goes_nowhere(method: bytes, read: bool, attempts: int) -> None:
    assert not may_retry(method, read=read, replayable=False, attempts=attempts)


@given(METHODS, st.booleans(), st.integers(1, 20))
def test_attempts_come_to_an_end(method: bytes, read: bool, limit: int) -> None:
    assert not may_retry(method, read=read, replayable=True, attempts=limit, limit=limit)
    assert may_retry(b"GET", read=read, replayable=True, attempts=limit - 1, limit=limit)
