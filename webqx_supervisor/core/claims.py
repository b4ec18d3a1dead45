"""What a verified token says of its bearer, as conditions and as fields for the worker."""

import json
from collections.abc import Collection, Mapping
from typing import Any

_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - {"%"}


def find(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim, None if there is none; `a.b` is also the b inside of a claim that is a.

    A name as it stands goes first: many claims are called like a URL.
    """
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def says(found: Any, wanted: Collection[str]) -> bool:
    """Say whether a claim is one of these values, or a list that holds one; `wanted` is JSON."""
    values = found if isinstance(found, list) else [found]
    return any(json.dumps(value) in wanted for value in values)


def scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return what is granted: `scope` (RFC 8693 section 4.2), or `scp` as some issuers call it."""
    granted: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            granted.update(value.split())
        elif isinstance(value, list):
            granted.update(each for each in value if isinstance(each, str))
    return frozenset(granted)


def field_value(value: Any) -> str | None:
    """Return what a field says of a claim; None for a claim that is null or not there.

    Text stands as it is, but what is no printable ASCII, and `%`, becomes `%XX` for each octet of
    its UTF-8, so decodeURIComponent gives it back. A list is its values between commas, and a comma
    inside of a value is `%2C`. Anything else is JSON.
    """
    if value is None:
        return None
    if isinstance(value, list):
        return ",".join(_text(each).replace(",", "%2C") for each in value)
    return _text(value)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    encoded = "".join(each if each in _PLAIN else _escaped(each) for each in text)
    if encoded.strip() == encoded:
        return encoded
    inner = encoded.strip()  # blanks around a value are no part of it (RFC 9110 section 5.5)
    begin = encoded.find(inner) if inner else len(encoded)
    return "%20" * begin + inner + "%20" * (len(encoded) - begin - len(inner))


def _escaped(character: str) -> str:
    # A lone surrogate is valid in JSON and has no UTF-8 of its own.
    return "".join(f"%{octet:02X}" for octet in character.encode("utf-8", "replace"))
