"""Files of names with the hashes of their secrets, as htpasswd and sha256sum write them."""

import re
from collections.abc import Mapping

STRONGEST = 14
"""The cost of a bcrypt hash that is still taken; each step doubles the time of a login."""
LONGEST_PASSWORD = 72
"""Octets; bcrypt knows no more."""

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}").fullmatch
_SHA256 = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_NAME = re.compile(r"[^:\x00-\x1f\x7f]+").fullmatch


def passwords(text: str) -> dict[str, bytes]:
    """Return the bcrypt hash of each name. Raises ValueError naming the line."""
    found = {}
    for number, name, rest in _entries(text):
        match = _BCRYPT(rest)
        if match is None:
            raise ValueError(
                f"line {number}: wanted a bcrypt hash, as `htpasswd -B` or "
                "`webqx-sv hash-password` make them"
            )
        if int(match[1]) > STRONGEST:
            raise ValueError(f"line {number}: a cost of more than {STRONGEST} takes seconds")
        found[name] = rest.encode()
    return found


def api_keys(text: str) -> Mapping[bytes, str]:
    """Return whose each key is, by its SHA-256. Raises ValueError naming the line."""
    found = {}
    for number, name, rest in _entries(text, unique=False):
        if _SHA256(rest) is None:
            raise ValueError(
                f"line {number}: wanted the SHA-256 of the key, as "
                "`printf %s KEY | sha256sum` says it"
            )
        found[bytes.fromhex(rest)] = name
    return found


def _entries(text: str, *, unique: bool = True) -> list[tuple[int, str, str]]:
    """Return (line number, name, rest) of each line that is no comment. Raises ValueError."""
    entries, names = [], set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, rest = line.partition(":")
        if not colon or _NAME(name) is None:
            raise ValueError(f"line {number}: wanted NAME:HASH")
        if unique and name in names:
            raise ValueError(f"line {number}: {name} is there twice")
        names.add(name)
        entries.append((number, name, rest.strip()))
    if not entries:
        raise ValueError("nobody is in it")
    return entries
