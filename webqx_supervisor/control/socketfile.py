"""The control socket as a file: for its owner alone; a stale one is replaced, a live one spared."""

import os
import socket
import stat
import struct
import sys

import trio

from webqx_supervisor.model.errors import WebqxError

_BACKLOG = 128
_UCRED = struct.Struct("iII")  # pid, uid, gid: unix(7), SO_PEERCRED


def bind(path: str) -> socket.socket:
    """Return a listening AF_UNIX socket at `path`, mode 0600.

    Raises WebqxError when somebody answers there, or what is there is no socket.
    """
    _clear_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        # Nobody can connect before listen(2), so there is no moment with a wider mode.
        os.chmod(path, 0o600)  # noqa: PTH101 - an address of the socket API is a string
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of the socket at `path`; None where nothing is."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISSOCK(found.st_mode):
        raise WebqxError(f"{path} is in the way: it is not a socket")
    return found.st_dev, found.st_ino


def peer(stream: trio.SocketStream) -> tuple[int, int]:
    """Return user and pid at the other end.

    Elsewhere than on Linux the file's mode vouches for the user, and the pid is 0.
    """
    if sys.platform == "linux":
        credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, _ = _UCRED.unpack(credentials)
        return uid, pid
    return os.geteuid(), 0


def _clear_stale(path: str) -> None:
    if identity(path) is None:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1.0)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)  # noqa: PTH108 - as above
            return
        except OSError as error:
            raise WebqxError(f"cannot tell whether {path} is in use: {error}") from error
    raise WebqxError(f"a daemon answers on {path} already")
