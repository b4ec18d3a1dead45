"""What a terminal sends for each key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.cli.top.keys import names


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"r", ["r"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA", ["up"]),
        (b"\x1b[5~j", ["page up", "j"]),
        (b"\x1b", ["escape"]),
        (b"\r", ["enter"]),
        (b"a\x7fb", ["a", "backspace", "b"]),
        (b"\x1b[1;5Cq", ["q"]),
        (b"\x1b[200~", []),
        ("ü".encode(), []),
        (b"\x01", []),
    ],
)
def test_keys_by_their_octets(octets, expected):
    assert list(names(octets)) == expected


@given(st.binary(max_size=40))
def test_whatever_comes_is_read_to_its_end(octets):
    for name in names(octets):
        assert name.isprintable()
