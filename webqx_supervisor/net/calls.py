"""The system calls of a request: two that move its octets, two that keep other processes out.

calls.pyx says the same to the compiler: without an object for each call's buffer.
"""

import fcntl
import os


def receive(fd: int, size: int) -> bytes | None:
    """Return at most `size` octets of a non-blocking socket, b"" at the end, None if none is there.

    Raises OSError.
    """
    try:
        return os.read(fd, size)
    except BlockingIOError:
        return None


def send(fd: int, data: bytes | memoryview) -> int:
    """Send what a non-blocking socket takes now; return how many octets that is. Raises OSError."""
    try:
        return os.write(fd, data)  # CPython ignores SIGPIPE: a broken connection is an error
    except BlockingIOError:
        return 0


def lock(fd: int, place: int) -> None:
    """Wait until no other process has this octet of a file locked, and lock it. Raises OSError.

    A lock of fcntl(2): it belongs to the process, and the kernel frees it when that dies.
    """
    fcntl.lockf(fd, fcntl.LOCK_EX, 1, place)


def unlock(fd: int, place: int) -> None:
    """Let others lock it. Raises OSError."""
    fcntl.lockf(fd, fcntl.LOCK_UN, 1, place)
