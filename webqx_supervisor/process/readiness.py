"""Whether a worker's port accepts connections."""

import struct

import trio
from trio import socket

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of socket(7): on, 0 s


async def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Try to connect once. A host that drops packets makes this take long: bound it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            await probe.connect((host, port))
        except OSError:
            return False
        if probe.getsockname()[:2] != probe.getpeername()[:2]:
            return True
        # Nobody listens, but the kernel chose this very port as our own end, and TCP allows a
        # socket to connect to itself. A reset leaves no TIME_WAIT on the worker's port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return False


async def until_accepting(port: int, host: str = "127.0.0.1") -> None:
    """Return as soon as the port accepts, at most LONGEST_PAUSE later.

    Waits without end; the caller holds the deadline.
    """
    pause = FIRST_PAUSE
    while not await accepts(port, host):
        await trio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
