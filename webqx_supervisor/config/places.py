"""Where one daemon keeps its state, socket and logs; all that the daemon needs of this room.

Kept apart from `files`, so that the daemon does not carry the reader of TOML.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

LONGEST_SOCKET = 100
"""Bytes of a socket's path: sun_path of unix(7) holds 107 on Linux, 103 on macOS."""


@dataclass(frozen=True, slots=True)
class Places:
    """The paths that belong to one daemon; all absolute."""

    file: Path
    state_dir: Path
    socket: Path
    lock: Path
    logs: Path
    private: Path
    wanted: Path
    journal: Path
    deaths: Path
    keys: Path
    audit: Path
    sessions: Path
    alerts: Path
    history: Path
    daemon_log: Path
    spans: Path
    """The socket where the proxies tell their spans."""

    @classmethod
    def at(cls, file: Path, state_dir: Path) -> "Places":
        """Name the paths below a state folder. Nothing is looked up or made."""
        return cls(
            file=file,
            state_dir=state_dir,
            socket=_socket(state_dir, "daemon"),
            lock=state_dir / "lock",
            logs=state_dir / "logs",
            private=state_dir / "private",
            wanted=state_dir / "wanted.json",
            journal=state_dir / "journal.json",
            deaths=state_dir / "deaths.json",
            keys=state_dir / "keys.json",
            audit=state_dir / "audit",
            sessions=state_dir / "sessions.json",
            alerts=state_dir / "alerts.json",
            history=state_dir / "history.db",
            daemon_log=state_dir / "daemon.log",
            spans=_socket(state_dir, "spans"),
        )


def write_atomically(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
    """Replace a file's content: after a crash it is the old or the new one, never a part.

    With `durable` that holds for a crash of the machine too, at the price of an fsync(2).
    Raises OSError.
    """
    new = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            os.fchmod(descriptor, mode)  # whatever the umask
            file.write(data)
            file.flush()
            if durable:
                os.fsync(descriptor)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)  # it is there only after an error


def _socket(state_dir: Path, name: str) -> Path:
    socket = state_dir / f"{name}.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET:
        return socket
    # Not XDG_RUNTIME_DIR: it goes at logout, which a daemon outlives, and cron does not have it.
    folder = Path(f"/tmp/webqx-sv-{os.getuid()}")  # noqa: S108 - its owner and mode are checked in files
    suffix = "" if name == "daemon" else f"-{name}"
    return folder / f"{digest(state_dir)[:12]}{suffix}.sock"


def digest(path: Path) -> str:
    """Return a stable name for a path, in hexadecimal."""
    return hashlib.sha1(os.fsencode(path), usedforsecurity=False).hexdigest()
