"""What of an environment is shown."""

import pytest

from webqx_supervisor.core.masking import MASK, looks_secret, masked


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "REDIS_PASS",
        "PASS",
        "SECRET",
        "SECRET_KEY_BASE",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "AccessToken",
        "API_KEY",
        "apikey",
        "STRIPE_KEY",
        "SSH_PRIVATE_KEY",
        "SIGNING_KEYS",
        "KEY",
        "GOOGLE_CREDENTIALS",
        "AWS_CREDS",
        "PASSWORD_SALT",
        "NPM_AUTH",
        "CARD_PIN",
    ],
)
def test_these_look_like_secrets(name):
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "PORT",
        "KEYBOARD",
        "MONKEY",
        "PASSENGERS",
        "COMPASS",
        "LANG",
        "NODE_ENV",
        "KEYS_PATH",
        "SSH_AUTH_SOCK",
        "SECRET_FILE",
        "GPG_KEY_FILE",
        "WEBQX_SV_SERVICE",
        "AUTHOR",
        "SPINNER",
        "SHIPPING",
    ],
)
def test_these_do_not(name):
    assert not looks_secret(name)


def test_secrets_are_masked_and_the_rest_is_not():
    env = {"API_KEY": "k", "PORT": "3001", "EMPTY_TOKEN": ""}
    assert masked(env) == {"API_KEY": MASK, "PORT": "3001", "EMPTY_TOKEN": ""}
    assert masked(env, show=True) == env


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgres://clinic:s3cret@db:5432/main", f"postgres://clinic:{MASK}@db:5432/main"),
        ("redis://:s3cret@cache", f"redis://:{MASK}@cache"),
        ("a=http://u:p%40@h/, b=amqp://u:q@h", f"a=http://u:{MASK}@h/, b=amqp://u:{MASK}@h"),
        ("http://u:p@ss@h/", f"http://u:{MASK}@h/"),
        ("http://127.0.0.1:3001/a@b", "http://127.0.0.1:3001/a@b"),
        ("http://user@host/", "http://user@host/"),
    ],
)
def test_the_password_of_an_address_is_masked(address, shown):
    assert masked({"DATABASE_URL": address}) == {"DATABASE_URL": shown}


def test_what_must_never_be_shown_is_not_shown_on_demand_either():
    env = {"PLAIN": "hidden", "TOKEN": "t"}
    assert masked(env, show=True, never=["PLAIN"]) == {"PLAIN": MASK, "TOKEN": "t"}
