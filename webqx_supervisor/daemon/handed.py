"""Give workers the listening sockets of their service, as sd_listen_fds(3) says."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol

import trio

from webqx_supervisor.control.fdstore import FIRST_FD
from webqx_supervisor.daemon.environment import Gifts
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import attention, tree
from webqx_supervisor.process.readiness import pause
from webqx_supervisor.process.spawn import Process

UNSEEN = 3.0
"""s after which a process counts as ready that is not seen to wait for connections: it may do so in
a way that cannot be seen."""
LOOKS = 5
"""A look at a whole tree costs so much more than trying to connect, so there are fewer."""


class Started(Protocol):
    """What this file asks of a started worker."""

    @property
    def process(self) -> Process:
        """Its first process."""

    @property
    def cookie(self) -> str:
        """The mark of its tree."""


@contextmanager
def copies(service: Service, sockets: ListeningSockets) -> Iterator[list[int]]:
    """Give the sockets of a service, if it takes any; meanwhile the daemon may close its own.

    Raises CannotStart where one is not open.
    """
    with ExitStack() as stack:
        yield [stack.enter_context(each.dup()).fileno() for each in sockets.of(service)]


def added(gifts: Gifts, service: Service, sockets: Sequence[int]) -> Gifts:
    """Return `gifts` with these sockets put where a worker looks for them; each has its name."""
    if not sockets:
        return gifts
    told = {
        "LISTEN_FDS": str(len(sockets)),
        "LISTEN_FDNAMES": ":".join([service.name] * len(sockets)),
    }
    return replace(
        gifts,
        env=(*gifts.env, *told.items()),
        descriptors=(*gifts.descriptors, *enumerate(sockets, FIRST_FD)),
        pid_variable=f"{gifts.pid_variable} LISTEN_PID".strip(),
    )


async def until_attended(started: Started, service: Service, sockets: ListeningSockets) -> None:
    """Return once somebody of a worker's tree waits for connections, or UNSEEN is over.

    Connections that come before are kept by the kernel, so being late costs nobody anything.
    """
    began = trio.current_time()
    with trio.move_on_after(UNSEEN):
        try:
            inodes = frozenset(os.fstat(each.fileno()).st_ino for each in sockets.of(service))
        except CannotStart:  # closed meanwhile: the file has changed
            inodes = frozenset()
        attended = partial(_attended, started, inodes)
        while not await trio.to_thread.run_sync(attended):  # noqa: ASYNC110 - nothing tells of it
            await trio.sleep(LOOKS * pause(trio.current_time() - began))


def _attended(started: Started, inodes: frozenset[int]) -> bool:
    if attention.watched((started.process.pid,), inodes):  # most need no look at all processes
        return True
    members = tree.members(started.process.identity, started.cookie)
    return attention.watched((each.pid for each in members), inodes)
