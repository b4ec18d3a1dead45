"""Look for fields in a head that is well-formed, whatever the case of their names.

lines.pyx says the same in the words of C, where there is a compiler.
"""

import functools
import re
from collections.abc import Callable


def values(head: bytes, begin: bytes) -> list[bytes]:
    """Return what all lines but the first say behind `begin`, without blanks around it.

    `begin` is a name in lower case with its colon.
    """
    return [value.rstrip(b"\t ") for value in _finder(begin)(head)]


def begins_any(lines: bytes, begins_with: tuple[bytes, ...]) -> bool:
    """Say whether any of the lines begins with any of these, which are in lower case."""
    return _searcher(begins_with)(b"\n" + lines) is not None


@functools.lru_cache(maxsize=256)
def _finder(begin: bytes) -> Callable[[bytes], list[bytes]]:
    return re.compile(rb"\n" + _any_case(begin) + rb"[\t ]*+([^\r]*+)").findall


@functools.lru_cache(maxsize=256)
def _searcher(begins: tuple[bytes, ...]) -> Callable[[bytes], object]:
    return re.compile(rb"\n(?:" + b"|".join(map(_any_case, begins)) + b")").search


def _any_case(name: bytes) -> bytes:
    """Return the pattern of a name; classes are found faster than with a flag for all cases."""
    letters = (bytes([each]) for each in name)
    return b"".join(
        b"[%b%b]" % (each, each.upper()) if each.isalpha() else re.escape(each) for each in letters
    )
