"""The keys that leave a worker, however what is typed is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.detaching import KEYS, Detaching

LEAVE = bytes(KEYS)


@pytest.mark.parametrize(
    ("pieces", "passed", "done"),
    [
        ([b"abc"], b"abc", False),
        ([b"a\x10b"], b"a\x10b", False),
        ([b"a\x10"], b"a", False),
        ([b"a\x10", b"\x10", b"c"], b"a\x10\x10c", False),
        ([b"a\x10\x11b"], b"a", True),
        ([b"a", b"\x10", b"\x11"], b"a", True),
        ([b"\x10\x10\x11"], b"\x10", True),
        ([b"\x11\x10"], b"\x11", False),
    ],
)
def test_ctrl_p_then_ctrl_q_leaves(pieces, passed, done):
    detaching = Detaching()
    assert b"".join(map(detaching.feed, pieces)) == passed
    assert detaching.done is done


@given(
    st.lists(st.binary(max_size=4).map(lambda b: bytes(KEYS[x % 3] if x % 3 < 2 else x for x in b)))
)
def test_however_it_is_cut_it_means_the_same(pieces):
    cut, whole, passed = Detaching(), Detaching(), b""
    for piece in pieces:
        passed += cut.feed(piece)
        if cut.done:
            break
    typed = b"".join(pieces)
    assert passed == whole.feed(typed)
    assert cut.done is whole.done is (LEAVE in typed)
    assert typed.startswith(passed)
