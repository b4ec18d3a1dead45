"""core/encodings.py: which content coding a client gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.encodings import choose, is_compressible, weakened

OFFERED = (b"zstd", b"br", b"gzip")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (b"gzip, deflate, br, zstd", b"zstd"),
        (b"gzip, deflate, br", b"br"),
        (b"GZIP", b"gzip"),
        (b"br;q=0.5, gzip;q=0.9", b"gzip"),
        (b"br;q=0, gzip;q=0", None),
        (b"*", b"zstd"),
        (b"*;q=0.5, gzip", b"gzip"),
        (b"zstd;q=0, *", b"br"),
        (b"deflate", None),
        (b"identity", None),
        (b"identity;q=0.5, gzip", b"gzip"),
        (b"identity, gzip;q=0.2", None),
        (b"gzip;q=2", None),
        (b"", None),
        (None, None),
    ],
)
def test_the_client_gets_what_it_likes_most(accepted, chosen):
    assert choose(accepted, OFFERED) == chosen


@given(st.binary(max_size=60))
def test_nothing_is_chosen_that_was_not_named(accepted):
    chosen = choose(accepted, OFFERED)
    assert chosen is None or chosen in accepted.lower() or b"*" in accepted


@pytest.mark.parametrize(
    ("kind", "worth"),
    [
        (b"text/html; charset=utf-8", True),
        (b"Application/JSON", True),
        (b"application/problem+json", True),
        (b"image/svg+xml", True),
        (b"image/png", False),
        (b"application/zip", False),
        (b"text/event-stream", False),
        (b"", False),
    ],
)
def test_what_is_packed_already_is_left_alone(kind, worth):
    assert is_compressible(kind) is worth


def test_an_etag_is_weakened_once():
    assert weakened(b'"a"') == weakened(weakened(b'"a"')) == b'W/"a"'
