"""core/wire/proxyline.py: who connected to the proxy in front, strictly and within bounds."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.wire.messages import Malformed
from webqx_supervisor.core.wire.proxyline import (
    SIGNATURE,
    V1_LIMIT,
    V2_LIMIT,
    ProxyLine,
    parse_proxy_line,
)


def v2(command: int, family: int, block: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(block)) + block


def v4(source: str, tags: bytes = b"", family: int = 0x11) -> bytes:
    block = socket.inet_aton(source) + socket.inet_aton("10.0.0.1") + struct.pack(">HH", 5, 80)
    return v2(0x21, family, block + tags)


def v6(source: str) -> bytes:
    ends = [socket.inet_pton(socket.AF_INET6, each) for each in (source, "::1")]
    return v2(0x21, 0x21, b"".join(ends) + struct.pack(">HH", 5, 80))


GOOD = {
    b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n": ("203.0.113.7", False),
    b"PROXY TCP6 2001:DB8::7 ::1 56324 443\r\n": ("2001:db8::7", False),
    b"PROXY TCP6 ::ffff:203.0.113.7 ::1 0 65535\r\n": ("203.0.113.7", False),
    b"PROXY UNKNOWN\r\n": (None, False),
    b"PROXY UNKNOWN ffff::1 nonsense\r\n": (None, False),
    v4("203.0.113.7"): ("203.0.113.7", False),
    v4("203.0.113.7", tags=b"\x04\x00\x03abc" * 100): ("203.0.113.7", False),
    v4("203.0.113.7", family=0x12): ("203.0.113.7", False),
    v6("2001:db8::7"): ("2001:db8::7", False),
    v6("::ffff:203.0.113.7"): ("203.0.113.7", False),
    v2(0x20, 0x00, b""): (None, True),
    v2(0x20, 0x11, b"x" * 50): (None, True),
    v2(0x20, 0x99, b""): (None, True),
    v2(0x21, 0x00, b"anything"): (None, False),
    v2(0x21, 0x31, b"/run/a.sock".ljust(216, b"\0")): (None, False),
    v2(0x21, 0x00, b"x" * (V2_LIMIT - 16)): (None, False),
}
BAD = [
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00",
    b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
    b"PROXY TCP4 1.2.3.400 1.2.3.4 1 2\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
    b"PROXY UNKNOWN a\nb\r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY UNKNOWN".ljust(V1_LIMIT, b" ") + b"\r\n",
    v2(0x11, 0x11, b"x" * 12),
    v2(0x22, 0x11, b"x" * 12),
    v2(0x21, 0x13, b"x" * 12),
    v2(0x21, 0x41, b"x" * 12),
    v2(0x21, 0x11, b"x" * 11),
    v2(0x21, 0x21, b"x" * 35),
    v2(0x21, 0x31, b"x" * 215),
    v2(0x20, 0x00, b"x" * (V2_LIMIT - 15)),
]


@pytest.mark.parametrize("octets", GOOD)
def test_a_header_names_its_source_and_ends_where_it_says(octets):
    line = parse_proxy_line(octets)
    assert line == ProxyLine(len(octets), *GOOD[octets])


@pytest.mark.parametrize("octets", BAD)
def test_garbage_is_refused(octets):
    with pytest.raises(Malformed):
        parse_proxy_line(octets)


@given(st.sampled_from(list(GOOD)), st.binary(max_size=300))
def test_what_follows_a_header_is_not_looked_at(octets, behind):
    assert parse_proxy_line(octets + behind) == ProxyLine(len(octets), *GOOD[octets])


@given(st.sampled_from(list(GOOD)), st.data())
def test_any_beginning_of_a_header_asks_for_more(octets, data):
    end = data.draw(st.integers(0, len(octets) - 1))
    assert parse_proxy_line(octets[:end]) is None


def outcome(octets: bytes) -> object:
    try:
        return parse_proxy_line(octets)
    except Malformed:
        return "refused"


MANGLED = st.one_of(
    st.binary(max_size=400),
    st.builds(
        lambda octets, at, octet: octets[: at % len(octets)] + octet + octets[at % len(octets) :],
        st.sampled_from([*GOOD, *BAD]),
        st.integers(0, 5000),
        st.binary(min_size=1, max_size=2),
    ),
)


@given(MANGLED, st.data())
def test_however_octets_come_in_pieces_they_mean_the_same(octets, data):
    whole = outcome(octets)
    first = outcome(octets[: data.draw(st.integers(0, len(octets)))])
    # Once there is a verdict it stays; until then more is asked for.
    assert first in (None, whole)


@given(st.binary(max_size=2 * V2_LIMIT))
def test_never_is_more_asked_for_than_the_bound(behind):
    assert outcome(SIGNATURE + behind.ljust(V2_LIMIT, b"\0")) is not None
    assert outcome(b"PROXY " + behind.ljust(V1_LIMIT, b"x")) is not None
