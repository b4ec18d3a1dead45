"""epoll and kqueue behind one small face: each socket registered once, edge-triggered."""

import select
import sys
from typing import Protocol

# The octets of epoll_ctl(2) on every system, so that the rest of the room knows one vocabulary.
READ, WRITE, ERROR, HANGUP, READ_HANGUP = 0x001, 0x004, 0x008, 0x010, 0x2000
BROKEN = ERROR | HANGUP
"""The connection is over in both directions, by reset or by both ends' will."""
ENDED = BROKEN | READ_HANGUP
"""The peer sends no more."""

EVENTS_AT_ONCE = 64


class Poller(Protocol):
    """What the reactor asks of the kernel."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when poll() would return something."""

    def register(self, fd: int) -> None:
        """Watch a descriptor for both directions, edge-triggered, until it is unregistered."""

    def unregister(self, fd: int) -> None:
        """Watch it no longer."""

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        """Return (fd, events) pairs that are there or come within `seconds`; [] if none do."""

    def close(self) -> None:
        """Release the kernel's object."""


def open_poller() -> Poller:
    """Return the poller of this system."""
    if sys.platform == "linux":
        return _Epoll()
    else:  # noqa: RET505 - as a block of its own the type checker knows it is for other systems
        return _Kqueue()


if sys.platform == "linux":

    class _Epoll:
        def __init__(self) -> None:
            self._epoll = select.epoll()
            self.fileno = self._epoll.fileno
            self.close = self._epoll.close

        def register(self, fd: int) -> None:
            # EPOLLET is 1 << 31, a negative number to some builds of the select module.
            self._epoll.register(fd, READ | WRITE | READ_HANGUP | select.EPOLLET)

        def unregister(self, fd: int) -> None:
            # Closing is not enough: a listening socket lives on in other processes.
            self._epoll.unregister(fd)

        def poll(self, seconds: float) -> list[tuple[int, int]]:
            return self._epoll.poll(seconds, EVENTS_AT_ONCE)

else:

    class _Kqueue:
        def __init__(self) -> None:
            self._kqueue = select.kqueue()
            self.fileno = self._kqueue.fileno
            self.close = self._kqueue.close

        def register(self, fd: int) -> None:
            flags = select.KQ_EV_ADD | select.KQ_EV_CLEAR
            read = select.kevent(fd, select.KQ_FILTER_READ, flags)
            write = select.kevent(fd, select.KQ_FILTER_WRITE, flags)
            self._kqueue.control([read, write], 0, 0)

        def unregister(self, fd: int) -> None:
            read = select.kevent(fd, select.KQ_FILTER_READ, select.KQ_EV_DELETE)
            write = select.kevent(fd, select.KQ_FILTER_WRITE, select.KQ_EV_DELETE)
            self._kqueue.control([read, write], 0, 0)

        def poll(self, seconds: float) -> list[tuple[int, int]]:
            events = self._kqueue.control([], EVENTS_AT_ONCE, seconds)
            return [(event.ident, _translate(event)) for event in events]

    def _translate(event: select.kevent) -> int:
        if event.filter == select.KQ_FILTER_WRITE:
            return WRITE | (HANGUP if event.flags & select.KQ_EV_EOF else 0)
        if not event.flags & select.KQ_EV_EOF:
            return READ
        return READ | READ_HANGUP | (ERROR if event.fflags else 0)
