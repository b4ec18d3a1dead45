"""Records that are encrypted one by one."""

import pytest

from webqx_supervisor.core.sealing import NONCE_SIZE, Sealer

KEY, SALT, NONCE = b"k" * 32, b"s" * 16, b"n" * NONCE_SIZE


def test_what_was_sealed_is_opened():
    sealed = Sealer(KEY, SALT).seal(b"text", NONCE, "1:ab")
    assert "text" not in sealed
    assert Sealer(KEY, SALT).open(sealed, "1:ab") == b"text"


@pytest.mark.parametrize(
    ("key", "salt", "where"), [(b"o" * 32, SALT, "1"), (KEY, b"o" * 16, "1"), (KEY, SALT, "2")]
)
def test_another_key_file_or_place_opens_nothing(key, salt, where):
    sealed = Sealer(KEY, SALT).seal(b"text", NONCE, "1")
    with pytest.raises(ValueError, match="cannot be decrypted"):
        Sealer(key, salt).open(sealed, where)


def test_what_is_no_sealed_text_is_refused():
    with pytest.raises(ValueError, match=r"."):
        Sealer(KEY, SALT).open("AAAA", "1")
