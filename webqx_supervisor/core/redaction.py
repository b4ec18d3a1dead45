"""What is not to be written down: ids in paths, fields of a record, secrets among arguments."""

import re
from collections.abc import Iterable
from typing import Any

GONE = "[redacted]"

_SECRET = re.compile(r"secret|passw|token|credential|private|key$|^env$", re.IGNORECASE)


class PathRedactor:
    """Patterns of paths, "/patients/*/visits/*": what stands at a `*` is not written down.

    A pattern counts for all paths below it too; `**` at its end is all of the rest. A path is read
    as generously as any worker might: case, empty segments and parameters (`;x=1`) tell nothing.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [_segments(each) for each in patterns]

    def redacted(self, path: str) -> str:
        """Return a path with `*` in place of what is not to be written down."""
        if not self._patterns:
            return path
        segments = [each for each in path.split("/") if each]
        plain = [each.partition(";")[0].lower() for each in segments]
        hidden: set[int] = set()
        end = len(segments)
        for pattern in self._patterns:
            if not _begins(plain, pattern):
                continue
            hidden.update(at for at, wanted in enumerate(pattern) if wanted == "*")
            if pattern[-1] == "**":
                end = min(end, len(pattern) - 1)
        if not hidden and end == len(segments):
            return path
        shown = ["*" if at in hidden else each for at, each in enumerate(segments[:end])]
        if end < len(segments):
            return "/" + "/".join([*shown, "**"])
        return "/" + "/".join(shown) + "/" * path.endswith("/")


def _segments(pattern: str) -> tuple[str, ...]:
    return tuple(each.lower() for each in pattern.split("/") if each)


def _begins(plain: list[str], pattern: tuple[str, ...]) -> bool:
    fixed = pattern[:-1] if pattern[-1] == "**" else pattern
    return len(plain) >= len(fixed) and all(
        wanted in ("*", each) for wanted, each in zip(fixed, plain, strict=False)
    )


def arguments(value: Any) -> Any:
    """Return the arguments of a command with GONE in place of what may be a secret."""
    if isinstance(value, dict):
        return {
            key: GONE if _SECRET.search(key) and item else arguments(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [arguments(item) for item in value]
    return value
