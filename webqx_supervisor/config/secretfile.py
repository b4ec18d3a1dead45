"""Read a secret from where services.toml says that it is, and look who else can."""

import errno
import os
import stat
from collections.abc import Mapping
from contextlib import suppress

LONGEST = 64 * 1024
"""Bytes of a secret; execve(2) takes 128 KiB for a variable, name included."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd puts credentials, systemd.exec(5)."""


class NoSecret(Exception):  # noqa: N818 - a word for what happened, as the others are
    """Why there is none; what was found is never part of it."""


def read_secret(place: str, environ: Mapping[str, str]) -> str:
    """Return what `file:PATH`, `cred:NAME` or `env:NAME` holds; of a file, without one line end.

    Bytes that are no UTF-8 come as os.fsdecode gives them, so they reach the worker unchanged.
    Raises NoSecret.
    """
    kind, _, where = place.partition(":")
    if kind == "env":
        if not environ.get(where):
            raise NoSecret(f"{where} is not set in the environment that the daemon was started in")
        return environ[where]
    return _checked(path_of(place, environ))


def is_place(text: str) -> bool:
    """Say whether a value names where it is kept, instead of being it."""
    return text.startswith(("file:", "cred:", "env:"))


def kept(value: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return a value, or what is kept at the place that it names. Raises NoSecret."""
    return read_secret(value, environ) if is_place(value) else value


def path_of(place: str, environ: Mapping[str, str]) -> str:
    """Return the path of a secret in a file. Raises NoSecret for a credential of no service."""
    kind, _, where = place.partition(":")
    if kind == "file":
        return where
    if CREDENTIALS not in environ:
        raise NoSecret(f"no credentials here: systemd sets no {CREDENTIALS} for the daemon")
    return os.path.join(environ[CREDENTIALS], where)  # noqa: PTH118 - as it is handed on


def exposed(path: str) -> str:
    """Say that others may read the file; "" if they may not, or it is not there."""
    with suppress(OSError):
        mode = os.stat(path).st_mode  # noqa: PTH116 - as it is handed on
        if mode & stat.S_IROTH:
            return f"every user may read {path} (mode {stat.S_IMODE(mode):04o}); chmod o-r"
    return ""


def _checked(path: str) -> str:
    try:
        octets = _read(path)
    except OSError as error:
        raise NoSecret(f"cannot read {path}: {error.strerror}") from None
    except ValueError:  # a NUL in the path
        raise NoSecret(f"cannot read {path!r}") from None
    if len(octets) > LONGEST:
        raise NoSecret(f"{path} holds more than {LONGEST // 1024} KiB")
    line_end = b"\r\n" if octets.endswith(b"\r\n") else b"\n"
    octets = octets.removesuffix(line_end)
    if not octets:
        raise NoSecret(f"{path} is empty")
    if b"\0" in octets:
        raise NoSecret(f"{path} holds a NUL character, which no environment can")
    return os.fsdecode(octets)


def _read(path: str) -> bytes:
    # Not to wait for whoever would write to a FIFO.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a file")
        if mode & stat.S_IWOTH:
            raise OSError(
                errno.EPERM, f"every user may write to it (mode {stat.S_IMODE(mode):04o})"
            )
        return file.read(LONGEST + 1)
