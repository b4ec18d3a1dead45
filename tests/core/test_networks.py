"""core/networks.py: which addresses are meant."""

import pytest

from webqx_supervisor.core.networks import MEMORY, access


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("10.1.2.3", True),
        ("10.9.0.1", False),
        ("10.9.0.7", True),
        ("11.0.0.1", False),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("fe80::1%eth0", False),
        ("nonsense", False),
    ],
)
def test_the_longest_network_that_holds_an_address_decides(address, may):
    allowed = access(allow=["10.0.0.0/8", "10.9.0.7", "2001:db8::/32"], deny=["10.9.0.0/16"])
    assert (address in allowed) is may


def test_without_an_allow_all_may_but_those_denied():
    allowed = access(allow=[], deny=["192.168.0.0/16", "::1"])
    assert "10.0.0.1" in allowed
    assert "192.168.7.7" not in allowed
    assert "::1" not in allowed


def test_of_two_of_one_length_the_deny_counts():
    assert "10.0.0.1" not in access(allow=["10.0.0.0/8"], deny=["10.0.0.0/8"])


def test_however_many_ask_few_are_remembered():
    allowed = access(allow=[], deny=["10.0.0.0/8"])
    for number in range(MEMORY + 10):
        assert f"11.0.{number >> 8}.{number & 255}" in allowed
    assert len(allowed._known) <= MEMORY
