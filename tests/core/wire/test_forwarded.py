"""core/wire/forwarded.py: elements of RFC 7239, nodes with brackets and ports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.wire.forwarded import element, node_address, parse_element


@pytest.mark.parametrize(
    ("node", "address"),
    [
        (b"203.0.113.7", "203.0.113.7"),
        (b"203.0.113.7:4711", "203.0.113.7"),
        (b"2001:DB8::7", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"[2001:db8::7]:4711", "2001:db8::7"),
        (b"::ffff:203.0.113.7", "203.0.113.7"),
        (b"[::ffff:203.0.113.7]:1", "203.0.113.7"),
        (b"", None),
        (b"unknown", None),
        (b"_hidden", None),
        (b"203.0.113.700", None),
        (b"203.0.113.07", None),
        (b"203.0.113", None),
        (b"fe80::1%eth0", None),
        (b"[2001:db8::7", None),
        (b"203.0.113.7 ", None),
        (b"203.0.113.7:port", None),
        (b"1" * 5000, None),
    ],
)
def test_a_node_is_an_address_or_nothing(node, address):
    assert node_address(node) == address


@pytest.mark.parametrize(
    ("octets", "pairs"),
    [
        (b"for=192.0.2.43", {b"for": b"192.0.2.43"}),
        (b'For="[2001:db8:cafe::17]:4711"', {b"for": b"[2001:db8:cafe::17]:4711"}),
        (
            b"for=192.0.2.43; proto=https;by=_x",
            {b"for": b"192.0.2.43", b"proto": b"https", b"by": b"_x"},
        ),
        (rb'host="a\"b"', {b"host": b'a"b'}),
        (b"for=1;for=2", None),
        (b"for=[::1]", None),
        (b'for="1', None),
        (b"for = 1", None),
        (b"nonsense", None),
        (b"for=1 proto=2", None),
    ],
)
def test_an_element_is_understood_whole_or_not_at_all(octets, pairs):
    assert parse_element(octets) == pairs


def test_what_must_be_quoted_is():
    assert element("192.0.2.1", b"example.org", b"https", own=True) == (
        b"for=192.0.2.1;host=example.org;proto=https;by=_webqx-sv"
    )
    assert element("2001:db8::1", b"example.org:8080", own=False) == (
        b'for="[2001:db8::1]";host="example.org:8080"'
    )


@pytest.mark.parametrize("host", [b'a"b', b"a, for=1.1.1.1", b"a;b c", b"a\\"])
def test_a_host_that_is_none_is_left_out(host):
    assert element("192.0.2.1", host, b"a b", own=False) == b"for=192.0.2.1"


@given(
    st.ip_addresses(),
    st.from_regex(rb"[a-z0-9.-]{1,20}(:[0-9]{1,4})?", fullmatch=True),
    st.booleans(),
)
def test_what_is_written_is_read_again(address, host, own):
    pairs = parse_element(element(str(address), host, b"https", own=own))
    assert pairs is not None
    assert pairs[b"host"] == host
    said = node_address(pairs[b"for"])
    assert said in (str(address), str(getattr(address, "ipv4_mapped", None)))


@given(st.binary(max_size=200))
def test_no_octets_break_the_reading(octets):
    parse_element(octets)
    node_address(octets)
