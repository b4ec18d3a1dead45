"""The daemons of this user, wherever their files are: found by what each start leaves behind.

A daemon of another WEBQX_SV_HOME is another household, and not seen from here.
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from webqx_supervisor.config.files import home, is_held, pointers
from webqx_supervisor.config.places import Places
from webqx_supervisor.model.errors import DaemonNotRunning, UsageError


@dataclass(frozen=True, slots=True)
class Known:
    """One daemon that was started once. `running`: it, or at least its keeper, is there."""

    name: str
    places: Places
    running: bool


def everyone() -> list[Known]:
    """Return all that are known, by name and file."""
    found = [_known(folder) for folder in _state_dirs()]
    return sorted(
        (each for each in found if each is not None), key=lambda each: (each.name, each.places.file)
    )


def named(name: str) -> Path:
    """Return the services.toml of the daemon of this name; one that runs goes before others.

    Raises DaemonNotRunning, and UsageError when there are several.
    """
    known = everyone()
    found = [each for each in known if each.name == name]
    found = [each for each in found if each.running] or found
    if len(found) > 1:
        files = ", ".join(str(each.places.file) for each in found)
        raise UsageError(f"{len(found)} daemons are called {name!r}: choose with -c one of {files}")
    if not found:
        there = ", ".join(dict.fromkeys(each.name for each in known)) or "none"
        raise DaemonNotRunning(f"no daemon is called {name!r}; there is: {there}")
    return found[0].places.file


def _state_dirs() -> set[Path]:
    """Return the folders that may be those of daemons: remembered ones, and those of the home."""
    remembered = {folder for pointer in pointers() if (folder := _target(pointer))}
    own: set[Path] = set()
    with suppress(OSError):
        own = {path.parent for path in home().glob("*/wanted.json")}
    return remembered | own


def _target(pointer: Path) -> Path | None:
    with suppress(OSError):
        return Path(os.fsdecode(pointer.read_bytes()))
    return None


def _known(folder: Path) -> Known | None:
    """Read what is wanted of a daemon; nothing but the two words that are needed of it."""
    try:
        config = json.loads((folder / "wanted.json").read_bytes())["config"]
        places = Places.at(Path(config["file"]), folder)
        return Known(str(config["name"]), places, is_held(places.lock))
    except (OSError, ValueError, TypeError, KeyError):
        return None
