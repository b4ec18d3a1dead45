"""Work that takes too long for the reactor, in threads: a hash that is meant to be slow."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import trio

from webqx_supervisor.net.reactor import FOREVER, Reactor, Task
from webqx_supervisor.proxy.refusal import Refused

THREADS = 2
"""How many pieces of work are done at a time: the CPU is the workers' as well."""
MOST_WAITING = 64
"""How many wait for a thread; whoever comes then is told to come later."""

T = TypeVar("T")


class Job(Generic[T]):
    """A piece of work; any number of the reactor's tasks may wait for what comes of it."""

    def __init__(self, reactor: Reactor, work: Callable[[], T]) -> None:
        self.work = work
        self._reactor = reactor
        self._result: T | None = None
        self._error: Exception | None = None
        self._done = False
        self._waiting: set[Task] = set()

    async def result(self) -> T:
        """Wait for what comes of it, and return or raise that."""
        task = self._reactor.current
        self._waiting.add(task)
        try:
            while not self._done:
                await self._reactor.wait(FOREVER)
        finally:
            self._waiting.discard(task)
        if self._error is not None:
            raise self._error
        return cast("T", self._result)

    async def do(self) -> None:
        """Have a thread do it; for a task of trio."""
        try:
            self._result = await trio.to_thread.run_sync(self.work, abandon_on_cancel=True)
        except Exception as error:  # noqa: BLE001 - raised where the work was asked for
            self._error = error
        self._done = True
        for task in self._waiting:
            self._reactor.schedule(task)


class Aside:
    """Takes jobs from the reactor and does them, a few at a time."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._jobs, self._undone = trio.open_memory_channel[Job[Any]](MOST_WAITING)

    def start(self, work: Callable[[], T]) -> Job[T]:
        """Have something done soon. Raises Refused (503) when too much is to be done already."""
        job = Job(self._reactor, work)
        try:
            self._jobs.send_nowait(job)
        except trio.WouldBlock:
            reason = "too many passwords are being checked"
            raise Refused(503, reason, b"Retry-After: 1\r\n") from None
        self._reactor.give_way()
        return job

    async def run(self) -> None:
        """Do jobs until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(THREADS):
                nursery.start_soon(self._work)

    async def _work(self) -> None:
        async for job in self._undone:
            await job.do()
