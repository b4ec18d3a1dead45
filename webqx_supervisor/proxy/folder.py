"""A folder whose files may be opened by name, and nothing that lies elsewhere.

A name is opened first; then the system is asked where what was opened really is. So a symbolic
link may lead about within the folder, and no exchange of a link between check and use leads out.
"""

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from webqx_supervisor.core.listing import Entry
from webqx_supervisor.proxy.refusal import Refused

MOST_LISTED = 10_000
"""Entries of a folder that a listing shows."""

# O_NONBLOCK: a FIFO would wait for its writer. What it is instead of a file is seen after.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO, errno.EINVAL}
)
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


@dataclass(slots=True)
class Opened:
    """A file or a folder that is open for reading; whoever gets it closes `fd`."""

    fd: int
    is_folder: bool
    size: int
    modified_ns: int
    changed_ns: int


class Folder:
    """One folder, as often made anew or led elsewhere as its owner likes."""

    def __init__(self, path: str) -> None:
        self.path = os.fsencode(path).rstrip(b"/") + b"/"
        self._real = b""

    def open(self, inner: bytes) -> Opened | None:
        """Open a file or folder by its name in here, None where there is none.

        Raises Refused where it cannot be read, or is neither a file nor a folder.
        """
        path = self.path + inner
        try:
            fd = os.open(path, _FLAGS)
        except OSError as error:
            _check_absent(error)
            return None
        try:
            info = os.fstat(fd)
            kind = stat.S_IFMT(info.st_mode)
            if kind in (stat.S_IFREG, stat.S_IFDIR) and self._is_below(_true_path(fd, path)):
                return Opened(
                    fd, kind == stat.S_IFDIR, info.st_size, info.st_mtime_ns, info.st_ctime_ns
                )
        except OSError as error:
            os.close(fd)
            _check_absent(error)
            return None
        os.close(fd)
        return None

    def entries(self, folder: Opened, *, hidden: bool) -> Iterator[Entry]:
        """Yield the files and folders in a folder, MOST_LISTED at most. Raises OSError."""
        shown = 0
        with os.scandir(folder.fd) as found:
            for entry in found:
                name = os.fsencode(entry.name)
                # A link is left out: where it leads is not looked at here.
                info = entry.stat(follow_symlinks=False)
                is_folder = stat.S_ISDIR(info.st_mode)
                if (hidden or name[:1] != b".") and (is_folder or stat.S_ISREG(info.st_mode)):
                    yield Entry(name, None if is_folder else info.st_size)
                    shown += 1
                if shown == MOST_LISTED:
                    return

    def _is_below(self, true: bytes) -> bool:
        if self._real and (true + b"/").startswith(self._real):
            return True
        # The folder may lead somewhere else by now, as the link to the current release does.
        self._real = os.path.realpath(self.path).rstrip(b"/") + b"/"
        return (true + b"/").startswith(self._real)


def _check_absent(error: OSError) -> None:
    """Take what is not there for that. Raises Refused for what is in the way."""
    if error.errno in _ABSENT:
        return
    if error.errno in _FORBIDDEN:
        raise Refused(403, "the file may not be read") from error
    if error.errno in _EXHAUSTED:
        raise Refused(503, f"{error.strerror}", b"Retry-After: 1\r\n") from error
    raise Refused(500, f"the file cannot be read: {error.strerror}") from error


def _true_path(fd: int, path: bytes) -> bytes:
    """Return where an open file is, without links. Raises OSError."""
    if sys.platform == "linux":
        try:
            return os.readlink(b"/proc/self/fd/%d" % fd)  # noqa: PTH115 - octets, not text
        except FileNotFoundError:
            pass  # no /proc
    elif sys.platform == "darwin":
        return fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")
    real = os.path.realpath(path)
    there, here = os.stat(real), os.fstat(fd)  # noqa: PTH116 - octets, not text
    if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
        raise FileNotFoundError(errno.ENOENT, "changed meanwhile")
    return real
