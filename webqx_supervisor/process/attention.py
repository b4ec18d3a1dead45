"""Whether somebody waits for the connections of a listening socket, seen from outside.

The socket itself does not tell: whoever shares it, it takes connections as soon as it listens. On
Linux an epoll instance shows what it watches (proc(5), fdinfo), and that is how Node, asyncio, Go,
nginx and most others wait. Who waits by select(2) or in accept(2) is not seen, nor is anything of
other users' processes.
"""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress

_EPOLL = "anon_inode:[eventpoll]"


def watched(pids: Iterable[int], inodes: Collection[int]) -> bool:
    """Say whether one of these processes watches one of the sockets of these inodes."""
    names = {f"socket:[{inode}]" for inode in inodes}
    return any(_watches(f"/proc/{pid}", names) for pid in pids)


def _watches(process: str, names: Collection[str]) -> bool:
    with suppress(OSError):  # gone, another user's, or no Linux
        numbers = os.listdir(f"{process}/fd")  # noqa: PTH208 - there may be ten thousands
        targets = {number: _target(f"{process}/fd/{number}") for number in numbers}
        ours = {number for number, target in targets.items() if target in names}
        polls = [number for number, target in targets.items() if target == _EPOLL] if ours else []
        return any(ours & _numbers(f"{process}/fdinfo/{number}") for number in polls)
    return False


def _target(path: str) -> str:
    with suppress(OSError):
        return os.readlink(path)  # noqa: PTH115 - the same
    return ""


def _numbers(path: str) -> set[str]:
    """Return the descriptors that an epoll instance watches: lines like `tfd: 7 events: 19 ...`."""
    with suppress(OSError), open(path) as file:  # noqa: PTH123 - the same
        return {line.split()[1] for line in file if line.startswith("tfd:")}
    return set()
