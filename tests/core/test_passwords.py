"""core/passwords.py: files of names and hashes, and what is wrong with them."""

import hashlib

import pytest

from webqx_supervisor.core.passwords import api_keys, passwords

HASH = "$2b$04$I.Su3E04jXAe5AiyUULAkOqB3lrmCbBl.EA8JDJgXZVOiILFZIQfe"
KEY = hashlib.sha256(b"a key").hexdigest()


def test_a_file_of_htpasswd_is_read_with_comments_and_its_own_prefix():
    text = f"# people\n\nada:{HASH}\nbob:{HASH.replace('$2b$', '$2y$')}\n"
    assert passwords(text) == {"ada": HASH.encode(), "bob": HASH.replace("$2b$", "$2y$").encode()}


def test_one_name_may_have_several_keys():
    other = hashlib.sha256(b"another").hexdigest()
    text = f"shop:{KEY}\nshop:{other.upper()}\n"
    assert api_keys(text) == {bytes.fromhex(KEY): "shop", bytes.fromhex(other): "shop"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nobody"),
        ("# nobody\n", "nobody"),
        ("ada", "line 1: wanted NAME:HASH"),
        (f":{HASH}", "line 1: wanted NAME:HASH"),
        ("\nada:secret", "line 2: wanted a bcrypt hash"),
        ("ada:$apr1$x$abc", "line 1: wanted a bcrypt hash"),
        ("ada:{SHA}abc", "line 1: wanted a bcrypt hash"),
        (f"ada:{HASH}\nada:{HASH}", "line 2: ada is there twice"),
        (f"ada:{HASH.replace('$04$', '$31$')}", "takes seconds"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_never_with_what_stands_there(text, reason):
    with pytest.raises(ValueError, match=reason) as raised:
        passwords(text)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["shop:a key", f"shop:{KEY}0", "shop"])
def test_a_key_that_is_not_hashed_is_refused(text):
    with pytest.raises(ValueError, match="line 1") as raised:
        api_keys(text)
    assert "a key" not in str(raised.value)
