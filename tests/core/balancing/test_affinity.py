import pytest

from webqx_supervisor.core.balancing.affinity import Affinity

FIELDS = [
    (b"Host", b"a"),
    (b"X-Tenant", b"clinic"),
    (b"Cookie", b"theme=dark; Session=42"),
    (b"x-tenant", b"second"),
]


@pytest.mark.parametrize(
    ("hash_by", "key"),
    [
        ("client_ip", b"127.0.0.9"),
        ("header:x-TENANT", b"clinic,second"),
        ("header:x-missing", b"127.0.0.9"),
        ("cookie:Session", b"42"),
        ("cookie:session", b"127.0.0.9"),
    ],
)
def test_the_key_is_what_is_named_or_else_the_address(hash_by: str, key: bytes) -> None:
    assert Affinity(hash_by).key(FIELDS, "127.0.0.9") == key
