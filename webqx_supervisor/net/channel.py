"""A non-blocking socket as coroutines of the reactor see it: every wait has its time-out.

A call to the kernel is tried only when an edge, or the last call, says that it may succeed. One
task may read while another writes. Errors of the socket come out as Broken and name the channel,
because who carries bytes between two of them must know which one failed.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable

from webqx_supervisor.net.calls import receive, send
from webqx_supervisor.net.poller import BROKEN, ENDED, READ, WRITE
from webqx_supervisor.net.reactor import DeadlinePassed, Reactor, Task, Watched

PIECE = 64 * 1024
"""How many octets of a body are held at a time."""

RUN = 16
"""Reads in a row without a wait, after which others get their turn: a fast peer never ends."""

_READABLE = READ | ENDED
_WRITABLE = WRITE | BROKEN
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 s


class Broken(Exception):  # noqa: N818 - the channel's state
    """The connection is unusable: reset, unreachable, closed here."""

    def __init__(self, channel: "Channel", reason: str) -> None:
        super().__init__(reason)
        self.channel = channel
        self.reason = reason


class Stalled(Broken):
    """Nothing came, or nothing could be sent, for the time allowed."""


Hook = Callable[["Channel", int], None]
"""Told of a channel's edges."""


class Channel(Watched):
    """A connected stream socket, registered with the reactor until close()."""

    __slots__ = (
        "_hook",
        "_hooked",
        "_reactor",
        "_reader",
        "_run",
        "_socket",
        "_writer",
        "closed",
        "ended",
        "fd",
        "readable",
        "writable",
    )

    def __init__(self, reactor: Reactor, connected: socket.socket) -> None:
        self.readable = False
        """A read may succeed."""
        self.writable = False
        """A write may succeed."""
        self.ended = False
        """The peer sends no more after what is buffered."""
        self.closed = False
        self.fd = connected.fileno()
        self._hook: Hook | None = None
        self._hooked = 0
        self._reactor = reactor
        self._reader: Task | None = None
        self._writer: Task | None = None
        self._socket = connected
        self._run = 0
        reactor.register(self.fd, self)

    def on_events(self, events: int) -> None:
        """Note the edges, tell the hook, resume who waits."""
        if events & ENDED:
            self.ended = True
        if events & self._hooked:
            assert self._hook is not None
            self._hook(self, events)
        if events & _READABLE:
            self.readable = True
            if self._reader is not None:
                self._reactor.resume(self._reader)
        if events & _WRITABLE:
            self.writable = True
            if self._writer is not None:
                self._reactor.resume(self._writer)

    def hook(self, events: int, hook: Hook) -> None:
        """Have `hook` called at each of these edges, before readers and writers are resumed."""
        self._hooked = events
        self._hook = hook

    def unhook(self) -> None:
        """Call nobody."""
        self._hooked = 0
        self._hook = None

    def take(self, size: int) -> bytes | None:
        """Return what is there, at most `size` octets; b"" at the end, None if waiting is due.

        Raises Broken.
        """
        if not self.readable or self._run >= RUN:
            return None
        self._run += 1
        try:
            data = receive(self.fd, size)
        except OSError as error:
            raise broken(self, error) from error
        # A short read has emptied the buffer; more, or the end, makes a new edge.
        if data is None or (len(data) < size and not self.ended):
            self.readable = False
        return data

    async def recv(self, size: int, seconds: float) -> bytes:
        """Do the same, and wait if it is due.

        Raises Stalled when nothing comes for `seconds`, Broken when nothing can.
        """
        while True:
            data = self.take(size)
            if data is not None:
                return data
            await self.ready(seconds)

    async def ready(self, seconds: float) -> None:
        """Wait until take() is worth another try. Raises what recv() does."""
        if self.readable:
            await self.yield_turn()
        else:
            await self.wait_readable(seconds)

    async def send_all(self, data: bytes, seconds: float) -> None:
        """Send everything. Raises Stalled when the peer takes nothing for `seconds`, Broken."""
        sent = self.send(data)
        if sent < len(data):
            await self.send_rest(data, sent, seconds)

    async def send_rest(self, data: bytes, sent: int, seconds: float) -> None:
        """Send what comes after the first `sent` octets once it can be. Raises as send_all()."""
        rest = memoryview(data)[sent:]
        while rest:
            await self.wait_writable(seconds)
            rest = rest[self.send(rest) :]

    def send(self, data: bytes | memoryview) -> int:
        """Send what can be sent at once; return how many octets that was. Raises Broken."""
        if self.closed:
            raise Broken(self, "closed")
        try:
            sent = send(self.fd, data)
        except OSError as error:
            raise broken(self, error) from error
        if sent < len(data):
            self.writable = False
        return sent

    async def wait_readable(self, seconds: float) -> None:
        """Wait for an edge. Raises Stalled after `seconds`, Broken once closed."""
        if self.closed:
            raise Broken(self, "closed")
        self._run = 0
        self._reader = self._reactor.current
        try:
            await self._reactor.wait(seconds)
        except DeadlinePassed as passed:
            raise Stalled(self, f"silent for {seconds:g} s") from passed
        finally:
            self._reader = None

    async def wait_writable(self, seconds: float) -> None:
        """Do the same for writing."""
        if self.closed:
            raise Broken(self, "closed")
        self._writer = self._reactor.current
        try:
            await self._reactor.wait(seconds)
        except DeadlinePassed as passed:
            raise Stalled(self, f"took nothing for {seconds:g} s") from passed
        finally:
            self._writer = None

    def watch(self, task: Task | None, *, writing: bool = False) -> None:
        """Have a task resumed at each edge, for reading and perhaps for writing; None: nobody."""
        self._run = 0
        self._reader = task
        self._writer = task if writing else None

    def fresh_turn(self) -> None:
        """Begin to count reads anew: whoever reads sees to it that others get their turn."""
        self._run = 0

    async def yield_turn(self) -> None:
        """Let others run first, as who reads without ever waiting must now and then."""
        self._run = 0
        await self._reactor.yield_turn()

    @property
    def connected(self) -> socket.socket:
        """The socket, to ask the kernel about it: octets move by the methods only."""
        return self._socket

    def is_quiet(self) -> bool:
        """Say whether the connection is open with nothing to read, as an idle one should be."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def shutdown_write(self) -> None:
        """Tell the peer that no more comes. Raises Broken."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise broken(self, error) from error

    def connect_error(self) -> int:
        """Return the errno of the connection attempt, 0 if it succeeded (connect(2))."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def close(self) -> None:
        """Close, in good order as far as what was sent goes; who waits here gets Broken."""
        if self.closed:
            return
        self.closed = True
        self.readable = False
        self.unhook()
        for waiting in (self._reader, self._writer):
            if waiting is not None:
                self._reactor.schedule(waiting)
        self._reactor.unregister(self.fd, self._socket.close)

    def detach(self) -> socket.socket:
        """Give the open socket away, for another process to go on with; this is closed then."""
        self.closed = True
        self.readable = False
        self.unhook()
        self._reactor.unregister(self.fd, _nothing)
        return self._socket

    def abort(self) -> None:
        """Close with a reset, so that the peer cannot take what it got for the whole."""
        if not self.closed:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close()


def _nothing() -> None:
    """Close nothing: it was given away."""


def broken(channel: Channel, error: OSError) -> Broken:
    """Return what to raise when a system call on the channel failed."""
    return Broken(channel, "closed" if channel.closed else _words(error.errno))


async def connect(reactor: Reactor, host: str, port: int, seconds: float) -> Channel:
    """Return a channel to an address (no name). Raises ConnectionError or TimeoutError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        failure = opened.connect_ex((host, port))
        if failure not in (0, errno.EINPROGRESS):
            raise _refused(failure)
    except OSError:
        opened.close()
        raise
    channel = Channel(reactor, opened)
    try:
        while not channel.writable:
            await channel.wait_writable(seconds)
        failure = channel.connect_error()
    except Stalled as stalled:
        channel.close()
        raise TimeoutError(errno.ETIMEDOUT, _words(errno.ETIMEDOUT)) from stalled
    except BaseException:
        channel.close()
        raise
    if failure:
        channel.close()
        raise _refused(failure)
    return channel


def _refused(failure: int) -> ConnectionError:
    return ConnectionError(failure, _words(failure))


def _words(number: int | None) -> str:
    return os.strerror(number or errno.EIO)
