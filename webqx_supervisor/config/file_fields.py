"""What the values of `files` and `error_pages` must be: each function returns it or says why not.

All of them raise ValueError with a sentence for the person who wrote the file.
"""

import re

from webqx_supervisor.config.phrases import found
from webqx_supervisor.config.units import seconds

YEAR = "365d"

_STATUSES = re.compile(r"[45](?:[0-9]{2}|xx)")


def files_table(value: object) -> object:
    """Take `files = "dist"` for `files = { folder = "dist" }`."""
    return {"folder": value} if isinstance(value, str) else value


def cache_table(value: object) -> object:
    """Take `cache = "1h"` for `cache = { "*" = "1h" }`."""
    return {"*": value} if isinstance(value, str) else value


def cache_pattern(text: str) -> str:
    """Take the beginning of a path, "/assets/*", or the look of a name, "*.html"."""
    if text and ("/" not in text or text.startswith("/")):
        return text
    raise ValueError(f'wanted a pattern like "*.html" or "/assets/*"; found {found(text)}')


def cache_control(text: str) -> str:
    """Take for how long an answer may be kept; return it as Cache-Control says it (RFC 9111)."""
    if text in ("no-cache", "no-store"):
        return text
    words = text.split()
    if words and words[1:] in ([], ["immutable"]):
        years = re.fullmatch(r"([0-9]{1,2})y", words[0])
        try:
            age = int(years[1]) * seconds(YEAR) if years else seconds(words[0])
        except ValueError:
            pass
        else:
            return ", ".join([f"max-age={age:.0f}", *words[1:]])
    raise ValueError(
        'wanted a duration like "1h" or "1y immutable", "no-cache" or "no-store"; '
        f"found {found(text)}"
    )


def inner_file(text: str) -> str:
    """Take the name of a file below a folder."""
    if text and "\0" not in text and not re.search(r"(?:\A|/)\.{0,2}(?:/|\Z)", text):
        return text
    raise ValueError(f'wanted a file in the folder, like "index.html"; found {found(text)}')


def statuses(text: str) -> str:
    """Take a status of an error, or a class of them."""
    if _STATUSES.fullmatch(text):
        return text
    raise ValueError(f'wanted a status, like "404", or "4xx" or "5xx"; found {found(text)}')
