"""Where things are: a services.toml, and the state folder, socket and logs of its daemon.

Every `webqx-sv status` comes through here, so this imports next to nothing.
"""

import fcntl
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from webqx_supervisor.config.lines import key_lines
from webqx_supervisor.config.names import checked_name, default_daemon_name
from webqx_supervisor.config.phrases import found
from webqx_supervisor.config.syntax import load
from webqx_supervisor.model.errors import ConfigError, Problem, WebqxError

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
    wanted: Path
    journal: Path
    daemon_log: Path

    @classmethod
    def at(cls, file: Path, state_dir: Path) -> "Places":
        """Name the paths below a state folder. Nothing is looked up or made."""
        return cls(
            file=file,
            state_dir=state_dir,
            socket=_socket(state_dir),
            lock=state_dir / "lock",
            logs=state_dir / "logs",
            wanted=state_dir / "wanted.json",
            journal=state_dir / "journal.json",
            daemon_log=state_dir / "daemon.log",
        )


def read_services_toml(file: Path) -> str:
    """Return the file's text. Raises ConfigError where it is missing, unreadable or no UTF-8."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        reason = (
            "no such file" if file.is_absolute() else f"no such file (looked for {_absolute(file)})"
        )
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 text: byte {error.start}"
    raise ConfigError([Problem(str(file), None, "", reason)])


def locate(file: Path) -> Places:
    """Find the daemon of a services.toml.

    A file that is broken or gone does not hide a daemon that runs, nor does one that names
    another place by now: then the place counts that was remembered at the start. Raises
    ConfigError where the file cannot be read and nothing is remembered, WebqxError where the
    socket's folder belongs to somebody else.
    """
    file = _absolute(file)
    remembered = _remembered(file)
    try:
        places = Places.at(file, _state_dir(file))
    except ConfigError:
        if remembered is None:
            raise
        places = Places.at(file, remembered)
    if remembered is not None and remembered != places.state_dir:
        before = Places.at(file, remembered)
        places = before if _is_held(before.lock) else places
    _check_socket_folder(places)
    return places


def prepare(places: Places) -> None:
    """Make the folders, for this user alone. Raises WebqxError where that cannot be."""
    for folder in (places.state_dir, places.logs, places.socket.parent):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WebqxError(f"cannot make {folder}: {error.strerror}") from None
        if folder.stat().st_mode & stat.S_IWOTH:
            raise WebqxError(f"everybody may write in {folder}: not a place for a state folder")
    _check_socket_folder(places)


def remember(places: Places) -> None:
    """Make the folders, and note where the daemon of this file is."""
    prepare(places)
    pointer = _pointer(places.file)
    pointer.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(pointer, os.fsencode(places.state_dir))


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


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed, see default_daemon_name


def _state_dir(file: Path) -> Path:
    text = read_services_toml(file)
    daemon = load(text, str(file)).get("daemon", {})
    try:
        name, state_dir = _daemon_keys(daemon)
    except ValueError as error:
        line = key_lines(text).get(("daemon",))
        raise ConfigError([Problem(str(file), line, "daemon", str(error))]) from None
    if state_dir is not None:
        return _absolute(file.parent / os.path.expanduser(state_dir))  # noqa: PTH111 - an unknown ~user is no error
    return _home() / (name or default_daemon_name(file))


def _daemon_keys(daemon: object) -> tuple[str | None, str | None]:
    if not isinstance(daemon, dict):
        raise ValueError(f"wanted a table, found {found(daemon)}")  # noqa: TRY004 - as the rest
    name, state_dir = daemon.get("name"), daemon.get("state_dir")
    for value in (name, state_dir):
        if not (value is None or isinstance(value, str)):
            raise ValueError(f"wanted text, found {found(value)}")
    return (None if name is None else checked_name(name)), state_dir


def _home() -> Path:
    own = os.environ.get("WEBQX_SV_HOME")
    if own:
        return _absolute(Path(own))
    base = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored, says the XDG Base Directory Specification.
    parent = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return parent / "webqx-sv"


def _pointer(file: Path) -> Path:
    return _home() / "by-file" / _digest(file)[:16]


def _remembered(file: Path) -> Path | None:
    try:
        return Path(os.fsdecode(_pointer(file).read_bytes()))
    except OSError:
        return None


def _is_held(lock: Path) -> bool:
    """Tell whether a daemon, or its keeper, has the lock."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _socket(state_dir: Path) -> Path:
    socket = state_dir / "daemon.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET:
        return socket
    # Not XDG_RUNTIME_DIR: it goes at logout, which a daemon outlives, and cron does not have it.
    folder = Path(f"/tmp/webqx-sv-{os.getuid()}")  # noqa: S108 - see _check_socket_folder
    return folder / f"{_digest(state_dir)[:12]}.sock"


def _check_socket_folder(places: Places) -> None:
    """Refuse a folder that somebody else made in /tmp: whoever owns it could answer for us."""
    folder = places.socket.parent
    if folder == places.state_dir:
        return
    try:
        info = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise WebqxError(f"{folder} is not a folder of this user alone; it holds the socket")


def _digest(path: Path) -> str:
    return hashlib.sha1(os.fsencode(path), usedforsecurity=False).hexdigest()
