import pytest

from webqx_supervisor.config.addresses import bind_address, collide, port_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3000, "127.0.0.1:3000"),
        ("3000", "127.0.0.1:3000"),
        ("localhost:3000", "127.0.0.1:3000"),
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("127.0.0.1:080", "127.0.0.1:80"),
        ("[::]:80", "[::]:80"),
        ("[0:0::1]:80", "[::1]:80"),
    ],
)
def test_an_address_is_normalised(value, expected):
    assert bind_address(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        0,
        65536,
        -1,
        True,
        3.5,
        None,
        "",
        ":80",
        "0.0.0.0",
        "0.0.0.0:0",
        "0.0.0.0:65536",
        "1.2.3:80",
        "1.2.3.400:80",
        "::1:80",
        "[127.0.0.1]:80",
        "[::1:80",
        "[:::]:80",
        "example.com:80",
        "3000\n",
        [3000],
    ],
)
def test_what_is_no_address_is_refused_with_the_wanted_form(value):
    with pytest.raises(ValueError, match=r"^wanted a port or an address, like 3000"):
        bind_address(value)


def test_the_port_of_an_address():
    assert (port_of("127.0.0.1:80"), port_of("[::1]:443")) == (80, 443)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("0.0.0.0:80", "127.0.0.1:80", True),
        ("[::]:80", "[::1]:80", True),
        ("127.0.0.1:80", "127.0.0.1:81", False),
        ("127.0.0.1:80", "127.0.0.2:80", False),
        ("0.0.0.0:80", "[::]:80", False),
        ("0.0.0.0:80", "0.0.0.0:8080", False),
    ],
)
def test_two_addresses_collide_on_a_port_and_host_in_common(one, other, expected):
    assert collide(one, other) is expected
    assert collide(other, one) is expected
