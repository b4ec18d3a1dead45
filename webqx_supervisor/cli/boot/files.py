"""The files that startup writes: never over what is somebody else's, nothing touched twice."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from webqx_supervisor.cli.boot.report import Report
from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.model.errors import WebqxError

FileOf = Callable[[bytes], str | None]
"""Returns the services.toml that a file was written for; None when it is not one of ours."""


def read(path: Path) -> bytes | None:
    """Return what is in a file; None when there is none. Raises WebqxError."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WebqxError(f"cannot read {path}: {error.strerror}") from None


def put(path: Path, content: bytes, *, owner: str, file_of: FileOf, report: Report) -> bool:
    """Write a file for the services.toml `owner`; return whether it had to be.

    Raises WebqxError where the file belongs to somebody else.
    """
    before = read(path)
    if before is not None:
        _check_owner(path, file_of(before), owner)
    report.files.append(str(path))
    if before == content:
        report.done.append(f"{path} is as it should be")
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content, 0o644)
    except OSError as error:
        raise WebqxError(f"cannot write {path}: {error.strerror}") from None
    report.done.append(f"{'wrote' if before is None else 'wrote anew:'} {path}")
    return True


def remove(path: Path, report: Report) -> None:
    """Remove a file or link that may be gone. Raises WebqxError."""
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise WebqxError(f"cannot remove {path}: {error.strerror}") from None
    report.files.append(str(path))
    report.done.append(f"removed {path}")


def ours(folder: Path, pattern: str, file_of: FileOf) -> list[tuple[Path, str]]:
    """Return the files of a folder that startup has written, each with its services.toml."""
    found = []
    for path in sorted(folder.glob(pattern)):
        with suppress(WebqxError):  # what cannot be read is not this user's
            owner = file_of(read(path) or b"")
            if owner is not None:
                found.append((path, owner))
    return found


def _check_owner(path: Path, found: str | None, owner: str) -> None:
    if found is None:
        raise WebqxError(f"{path} was not written by webqx-sv startup; move it away first")
    # A project that was moved takes its place again.
    if found != owner and Path(found).exists():
        raise WebqxError(
            f"{path} starts {found}, which has the same name; give one of both "
            "another `name` in [daemon]"
        )
