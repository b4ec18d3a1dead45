"""How paths in services.toml are meant."""

import os
from pathlib import Path


def absolute(folder: Path, written: str) -> str:
    """Return a path as it is seen from the folder of services.toml."""
    return os.path.normpath(folder / os.path.expanduser(written))  # noqa: PTH111 - an unknown ~user is no error
