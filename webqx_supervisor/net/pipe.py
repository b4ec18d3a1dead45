"""Pipes through which the kernel moves octets from socket to socket: splice(2), Linux only.

A pipe that is empty is kept for the next one who has octets to move; who waits holds none, unless
the sink has refused what is in it.
"""

import os
import sys
from contextlib import suppress

from webqx_supervisor.net.channel import Channel, broken

SIZE = 256 * 1024
"""Octets that a pipe holds, if the user's share of pipe memory allows it."""
KEPT = 16
"""Empty pipes that are kept open."""

_idle: list["Pipe"] = []


class Pipe:
    """Holds `held` octets between two sockets."""

    __slots__ = ("_read", "_write", "held")

    def __init__(self, read: int, write: int) -> None:
        self._read = read
        self._write = write
        self.held = 0

    def fill(self, source: Channel, limit: int = SIZE) -> int:
        """Take octets from a source; return how many, 0 at its end, -1 if none are there.

        Raises Broken.
        """
        if sys.platform != "linux":
            raise NotImplementedError
        try:
            count = os.splice(source.fd, self._write, min(limit, SIZE), flags=_FLAGS)
        except BlockingIOError:
            source.readable = False
            return -1
        except OSError as error:
            raise broken(source, error) from error
        self.held += count
        return count

    def spill(self, sink: Channel) -> int:
        """Give a sink what it takes now; return how many octets that is. Raises Broken."""
        if sys.platform != "linux":
            raise NotImplementedError
        before = self.held
        try:
            while self.held > 0:
                self.held -= os.splice(self._read, sink.fd, self.held, flags=_FLAGS)
        except BlockingIOError:
            sink.writable = False
        except OSError as error:
            raise broken(sink, error) from error
        return before - self.held

    def give_back(self) -> None:
        """Let the next one have it, if it is empty."""
        if self.held == 0 and len(_idle) < KEPT:
            _idle.append(self)
        else:
            self.close()

    def close(self) -> None:
        """Close, whatever it holds."""
        os.close(self._read)
        os.close(self._write)


def open_pipe() -> Pipe | None:
    """Return an empty pipe; None where there is no splice, or no descriptor left."""
    if _idle:
        return _idle.pop()
    if sys.platform != "linux":
        return None
    try:
        ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with suppress(OSError):  # the user's share of pipe memory is used up: it stays smaller
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, SIZE)
    return Pipe(*ends)


if sys.platform == "linux":
    import fcntl

    _FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK
