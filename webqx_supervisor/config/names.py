"""Names of services, listeners and daemons: safe in a path, a log line and a shell."""

import hashlib
import os
import re
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def checked_name(name: str) -> str:
    """Return `name` as it is. Raises ValueError where it is none."""
    if _NAME.fullmatch(name):
        return name
    raise ValueError("a name is up to 100 letters, digits, `-` and `_`, with no sign at its front")


def default_daemon_name(file: Path) -> str:
    """Name the daemon of the services.toml at this absolute path: its folder and a short hash.

    The hash is of the file's path, so two files in one folder have a daemon each. Links are
    not followed: behind `current -> releases/7` the daemon stays the same.
    """
    digest = hashlib.sha1(os.fsencode(file), usedforsecurity=False).hexdigest()
    folder = re.sub(r"[^A-Za-z0-9_-]+", "-", file.parent.name)[:80].strip("-_")
    return f"{folder or 'root'}-{digest[:6]}"
