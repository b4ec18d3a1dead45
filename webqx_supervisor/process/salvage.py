"""Take back what only a living process still holds, after keeper and daemon died together.

On Linux, and of one's own processes. Elsewhere, and where the system forbids it, nothing is found.
"""

import contextlib
import os
import select
import socket
import stat
from collections.abc import Iterator

from webqx_supervisor.process.handle import Handle
from webqx_supervisor.process.identity import Identity


def listening_sockets(identity: Identity) -> Iterator[socket.socket]:
    """Yield copies of the listening sockets of a process, for the caller to close.

    That takes the right to trace it, ptrace(2): root has it, others unless Yama's ptrace_scope
    is 1 or more.
    """
    with contextlib.ExitStack() as stack:
        handle = Handle.open(identity)
        if handle is None:
            return
        stack.enter_context(handle)
        for number in _descriptors(identity.pid):
            copy = handle.copy_of(number)
            if copy is None:
                continue
            found = socket.socket(fileno=copy)
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield found
            else:
                found.close()


def reading_end(pid: int, number: int) -> int | None:
    """Return a new reading end of the pipe that descriptor `number` of `pid` writes to.

    None when it is no pipe or when somebody reads from it.
    """
    path = f"/proc/{pid}/fd/{number}"
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116 - beside os.open
            return None
        writing = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC) if _is_broken(writing) else None
        finally:
            os.close(writing)
    except OSError:
        return None


def _descriptors(pid: int) -> Iterator[int]:
    """Yield the numbers of the sockets that a process has."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - there may be ten thousands
            with contextlib.suppress(OSError):
                if os.readlink(f"{folder}/{name}").startswith("socket:"):  # noqa: PTH115 - the same
                    yield int(name)


def _is_broken(writing: int) -> bool:
    """Say whether nobody reads from a pipe; poll(2) tells its writers."""
    poll = select.poll()
    poll.register(writing, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))
