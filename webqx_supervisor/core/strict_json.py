"""JSON as signed documents must be: one meaning only (RFC 8259, RFC 7515 section 4)."""

import json
from typing import Any


def load_object(octets: bytes) -> dict[str, Any]:
    """Return the object. Raises ValueError for anything else, and for a name that is there twice.

    Whoever takes the first of two equal names and whoever takes the last would read two documents
    under one signature.
    """
    try:
        value = json.loads(
            octets.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number
        )
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what the octets are, not a slip here
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
