"""The two system calls that move a request's octets; most of them go through here.

calls.pyx says the same to the compiler: without an object for each call's buffer.
"""

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
