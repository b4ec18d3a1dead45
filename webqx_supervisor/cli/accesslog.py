"""What `logs --access` shows: the lines of the access log as they are, whatever their format."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from webqx_supervisor.process.reading import Reader

LOOK = 0.2
"""How often, in seconds, the file is looked at while nothing comes."""


def show(path: Path, last: int, pattern: re.Pattern[str] | None, *, follow: bool) -> None:
    """Print the last lines in which the pattern is found, and with `follow` those that come."""
    takes = _takes(pattern)
    reader = Reader("", path)
    _print(reader.last(last, takes) if last else [])
    while follow:
        lines = reader.read().splitlines(keepends=True)
        if lines:
            _print([line for line in lines if takes is None or takes(line)])
        else:
            time.sleep(LOOK)


def _takes(pattern: re.Pattern[str] | None) -> Callable[[bytes], bool] | None:
    if pattern is None:
        return None
    search = pattern.search
    return lambda line: search(line.decode("utf-8", "replace")) is not None


def _print(lines: list[bytes]) -> None:
    sys.stdout.buffer.writelines(lines)
    sys.stdout.buffer.flush()
