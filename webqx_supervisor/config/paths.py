"""How paths in services.toml are meant."""

import os
from collections.abc import Callable
from pathlib import Path

Absolute = Callable[[str], str]
"""Makes a path absolute, as seen from the folder of the file."""


def absolute(folder: Path, written: str) -> str:
    """Return a path as it is seen from the folder of services.toml."""
    return os.path.normpath(folder / os.path.expanduser(written))  # noqa: PTH111 - an unknown ~user is no error


def placed(value: str, absolute: Absolute) -> str:
    """Return what says where a value is kept, `file:PATH` with an absolute path; others as is."""
    kind, _, path = value.partition(":")
    return f"file:{absolute(path)}" if kind == "file" else value
