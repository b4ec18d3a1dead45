"""What every test may lean on: ports of its own, and waiting for a condition."""

import fcntl
import itertools
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import trio

BLOCK = 16
_FIRST, _LAST = 12000, 30000  # below Linux' ephemeral range, so no outgoing connection sits there
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.1  # of who waits: to look is work for the other side too
_locks: list[int] = []  # open for the life of this process: the kernel frees them with it
_blocks = itertools.count(os.getpid() % ((_LAST - _FIRST) // BLOCK))


def free_ports() -> int:
    """Return the first of 16 sequential TCP ports that no other test process will use."""
    folder = Path(tempfile.gettempdir()) / f"webqx-sv-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for block in itertools.islice(_blocks, (_LAST - _FIRST) // BLOCK):
        first = _FIRST + block % ((_LAST - _FIRST) // BLOCK) * BLOCK
        lock = os.open(folder / str(first), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if all(_is_free(port) for port in range(first, first + BLOCK)):
            _locks.append(lock)
            return first
        os.close(lock)
    raise AssertionError("no free block of ports")


def free_range(count: int) -> int:
    """Return the first of `count` sequential TCP ports that no other test process will use."""
    blocks = [free_ports()]
    while len(blocks) * BLOCK < count:
        block = free_ports()
        blocks = [*blocks, block] if block == blocks[-1] + BLOCK else [block]
    return blocks[0]


def free_port() -> int:
    """Return one TCP port that no other test process will use."""
    return free_ports()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def until(condition: Callable[[], object], seconds: float = 20) -> object:
    """Return the first true value of `condition`; fail after `seconds`."""
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {seconds} s: {condition}")
        time.sleep(pause)
        pause = min(pause * 1.3, _LONGEST_PAUSE)
    return value


async def auntil(condition: Callable[[], object], seconds: float = 20) -> object:
    """Do the same without blocking trio."""
    with trio.move_on_after(seconds):
        while not (value := condition()):  # noqa: ASYNC110 - conditions outside of this process
            await trio.sleep(0.01)
        return value
    raise AssertionError(f"not true within {seconds} s: {condition}")


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
