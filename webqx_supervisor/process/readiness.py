"""Whether a worker's port accepts connections."""

import struct

import trio
from trio import socket

SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.02
PATIENCE = 0.05
"""A pause lasts this share of the time waited so far: what is noticed late, is late by 5 %."""
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


def pause(waited: float) -> float:
    """Return how long to wait, in seconds, after `waited` seconds in vain."""
    return min(max(waited * PATIENCE, SHORTEST_PAUSE), LONGEST_PAUSE)


async def until_accepting(port: int, host: str = "127.0.0.1") -> None:
    """Return as soon as the port accepts, at most LONGEST_PAUSE later.

    Waits without end; the caller holds the deadline.
    """
    began = trio.current_time()
    while not await accepts(port, host):  # noqa: ASYNC110 - no event tells of another's listen()
        await trio.sleep(pause(trio.current_time() - began))
