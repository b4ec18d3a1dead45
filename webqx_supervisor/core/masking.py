"""What of an environment may be shown: secrets are told by their names, and in addresses.

`masked` is the one way from an environment to a person's eyes.
"""

import re
from collections.abc import Collection, Mapping

MASK = "********"

_SECRET = re.compile(
    # Anywhere in a name, as in PGPASSWORD and AccessToken.
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY"
    # As a word of it: DB_PASS and SIGNING_KEY, but not PASSENGERS, KEYBOARD or PWD.
    r"|(?:^|_)(?:PASS|CREDS?|SALT|PIN)(?:_|$)|_(?:PWD|KEYS?|AUTH)(?:_|$)|^KEY$",
    re.IGNORECASE,
)
_LOCATION = re.compile(r"_(?:FILE|PATH|DIR|SOCK)$", re.IGNORECASE)
# RFC 3986 3.2.1, where a password has a colon before it: postgres://clinic:s3cret@db/main.
_USERINFO = re.compile(r"(?P<front>[a-z][a-z0-9+.-]*://[^\s:/?#@]*:)[^\s/?#]+(?=@)", re.IGNORECASE)


def masked(
    env: Mapping[str, str], *, show: bool = False, never: Collection[str] = ()
) -> dict[str, str]:
    """Return the environment as it may be shown.

    `show`: also what looks like a secret, but not what is called so in `never`.
    """
    return {
        name: MASK if name in never else value if show else _masked(name, value)
        for name, value in env.items()
    }


def looks_secret(name: str) -> bool:
    """Say whether a variable of this name is likely to hold a secret, and not a path to one."""
    return bool(_SECRET.search(name)) and not _LOCATION.search(name)


def _masked(name: str, value: str) -> str:
    if looks_secret(name):
        return MASK if value else value
    return _USERINFO.sub(rf"\g<front>{MASK}", value)
