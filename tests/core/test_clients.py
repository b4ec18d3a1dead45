"""core/clients.py: who the client is, read from the right as far as it is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.core.clients import HOPS, Believed

PEER = "10.0.0.1"
BELIEVED = Believed(["10.0.0.0/8", "2001:db8:aaaa::/48"])


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([b"203.0.113.7"], "203.0.113.7"),
        ([b"198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ([b"198.51.100.1", b"203.0.113.7, 10.2.2.2"], "203.0.113.7"),
        ([b"203.0.113.7,10.3.3.3 ,\t10.2.2.2:99"], "203.0.113.7"),
        ([b"203.0.113.7, [2001:db8:aaaa::1]:99"], "203.0.113.7"),
        ([b"2001:db8::7, 2001:db8:aaaa::1"], "2001:db8::7"),
        # nobody but proxies: the farthest one has asked by itself
        ([b"10.9.9.9, 10.2.2.2"], "10.9.9.9"),
        # what is malformed ends the reading at whoever wrote it
        ([b"203.0.113.7, unknown, 10.2.2.2"], "10.2.2.2"),
        ([b"203.0.113.7, 10.2.2"], PEER),
        ([b"nonsense"], PEER),
        ([b"", b" , ,"], PEER),
        ([b"203.0.113.7, , "], "203.0.113.7"),
        ([], PEER),
    ],
)
def test_the_first_from_the_right_that_is_not_believed_is_the_client(values, client):
    assert BELIEVED.client(PEER, values) == client


def test_only_so_many_hops_are_looked_at():
    chain = b", ".join([b"203.0.113.7", *[b"10.0.0.2"] * (HOPS + 1)])
    assert BELIEVED.client(PEER, [chain]) == "10.0.0.2"


@given(
    st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([b"10.0.0.5", b"1.2.3.4", b","]))),
    st.sampled_from([b"203.0.113.7", b"[2001:db8::7]:80", b"::ffff:203.0.113.9"]),
)
def test_whatever_a_client_says_of_itself_it_stays_who_it_is(said, address):
    alone = BELIEVED.client(PEER, [address])
    assert BELIEVED.client(PEER, [*said, address]) == alone
    assert BELIEVED.client(PEER, [b",".join([*said, address])]) == alone


@pytest.mark.parametrize(
    ("values", "client", "scheme"),
    [
        ([b"for=203.0.113.7;proto=https"], "203.0.113.7", b"https"),
        ([b"for=1.1.1.1;proto=http, for=203.0.113.7;proto=https"], "203.0.113.7", b"https"),
        (
            [b"for=203.0.113.7;proto=https", b'for="10.2.2.2:80";proto=http'],
            "203.0.113.7",
            b"https",
        ),
        ([b'for="[2001:db8::7]:80"'], "2001:db8::7", None),
        ([b"for=203.0.113.7, for=unknown;proto=https"], PEER, None),
        ([b"proto=https"], PEER, None),
        # a comma inside quotes, or a quote that the client has opened, is believed by nobody
        ([b'for="203.0.113.7, for=1.1.1.1'], "1.1.1.1", None),
        ([b'for=203.0.113.7;host="a,b"'], PEER, None),
    ],
)
def test_forwarded_is_read_in_the_same_way(values, client, scheme):
    found, told = BELIEVED.client_forwarded(PEER, values)
    assert (found, told.get(b"proto")) == (client, scheme)
