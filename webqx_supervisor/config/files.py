"""Find the daemon that belongs to a services.toml, and make its folders.

Every `webqx-sv status` comes through here, so this imports next to nothing.
"""

import fcntl
import os
import stat
from pathlib import Path

from webqx_supervisor.config.lines import key_lines
from webqx_supervisor.config.names import checked_name, default_daemon_name
from webqx_supervisor.config.phrases import found
from webqx_supervisor.config.places import Places, digest, write_atomically
from webqx_supervisor.config.syntax import load
from webqx_supervisor.model.errors import ConfigError, Problem, WebqxError


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
        places = before if is_held(before.lock) else places
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
    return home() / (name or default_daemon_name(file))


def _daemon_keys(daemon: object) -> tuple[str | None, str | None]:
    if not isinstance(daemon, dict):
        raise ValueError(f"wanted a table, found {found(daemon)}")  # noqa: TRY004 - as the rest
    name, state_dir = daemon.get("name"), daemon.get("state_dir")
    for value in (name, state_dir):
        if not (value is None or isinstance(value, str)):
            raise ValueError(f"wanted text, found {found(value)}")
    return (None if name is None else checked_name(name)), state_dir


def home() -> Path:
    """Return the folder of all that has no place of its own."""
    own = os.environ.get("WEBQX_SV_HOME")
    if own:
        return _absolute(Path(own))
    base = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored, says the XDG Base Directory Specification.
    parent = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return parent / "webqx-sv"


def pointers() -> list[Path]:
    """Return the notes of where daemons are, one of each file that was ever started."""
    return list(_pointers().iterdir()) if _pointers().is_dir() else []


def _pointer(file: Path) -> Path:
    return _pointers() / digest(file)[:16]


def _pointers() -> Path:
    return home() / "by-file"


def _remembered(file: Path) -> Path | None:
    try:
        return Path(os.fsdecode(_pointer(file).read_bytes()))
    except OSError:
        return None


def is_held(lock: Path) -> bool:
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
