"""wanted.json in the state folder: the compiled services.toml that the daemon follows.

Written by `start` before there is a daemon and by the daemon after an `apply`; read at every
start of the daemon, so that a crash never makes it follow a file that was edited meanwhile.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.config import Config


@dataclass(frozen=True, slots=True)
class Wanted:
    """The configuration, and what `start` named: services, none for all, and active profiles."""

    config: Config
    start: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


def write(path: Path, wanted: Wanted) -> None:
    """Replace the file; it may hold secrets, so only its owner reads it."""
    write_atomically(path, json.dumps(to_plain(wanted)).encode())


def read(path: Path) -> Wanted:
    """Return what is wanted. Raises OSError, ValueError or TypeError."""
    return from_plain(Wanted, json.loads(path.read_bytes()))
