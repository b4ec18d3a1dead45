"""Coroutines that wait for sockets inside one trio task, at a tenth of a trio checkpoint's price.

One trio task sleeps on the poller's own descriptor; once it is readable, the reactor takes what is
there and resumes each waiting coroutine directly. What runs here never awaits trio, and what trio
runs never awaits a Channel. Only run() resumes coroutines, one at a time, never one inside another.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from heapq import heappop, heappush
from time import monotonic
from typing import Any, cast

import trio

from webqx_supervisor.net.poller import open_poller

FOREVER = math.inf

_TICK = 0.1  # s; the grain of all deadlines
_FINE = 0.001  # s; that of a pause
_LOOKS = 32  # deadlines in a round: thousands that pass together keep nobody waiting
_TURN = 0.005  # s that other trio tasks wait for their turn while sockets are busy


class DeadlinePassed(Exception):  # noqa: N818 - a fact, handled as one
    """Raised inside a coroutine at the wait that took too long."""


class Watched:
    """What can be registered: told of each edge."""

    __slots__ = ()

    def on_events(self, events: int) -> None:
        """Note the edges and resume who waits for them."""
        raise NotImplementedError

    def close(self) -> None:
        """Unregister and close; called when the reactor ends."""
        raise NotImplementedError


class _Herald(Watched):
    """Watches what trio tasks read, to let them come to their turn."""

    __slots__ = ("_reactor",)

    def __init__(self, reactor: "Reactor") -> None:
        self._reactor = reactor

    def on_events(self, _events: int) -> None:
        self._reactor.give_way()

    def close(self) -> None:
        pass  # the descriptor is theirs


class Task:
    """One coroutine that the reactor drives. `done` once it has returned, failed or been cancelled.

    A failure is raised in its parent, or out of Reactor.run() if it has none. A parent cancels its
    children before it ends. The task is also what its own coroutine awaits at the bottom: an
    iterator that yields once, since an object made for every wait would cost more than the wait.
    """

    __slots__ = (
        "_joiner",
        "_reactor",
        "_suspended",
        "bucket",
        "coroutine",
        "done",
        "error",
        "expires",
        "parent",
    )

    def __init__(
        self, reactor: "Reactor", coroutine: Coroutine[Any, Any, object], parent: "Task | None"
    ) -> None:
        self.parent = parent
        self.done = False
        self.error: Exception | None = None
        self.expires = FOREVER
        self.bucket = FOREVER  # when the reactor looks at `expires` next
        self.coroutine = coroutine
        self._joiner: Task | None = None
        self._reactor = reactor
        self._suspended = False

    def __await__(self) -> "Task":
        self._suspended = False
        return self

    def __iter__(self) -> "Task":
        return self

    def __next__(self) -> None:
        if self._suspended:
            raise StopIteration
        self._suspended = True

    def cancel(self) -> None:
        """End the task at its wait, now; its clean-up runs and must not wait for anything.

        A failure that its parent has not seen yet is forgotten.
        """
        task = self  # whoever holds the task may let go of it while its coroutine ends
        task.error = None
        if not task.done:
            task.coroutine.close()
            task._reactor.finished(task)

    async def join(self) -> None:
        """Wait until the task is done."""
        while not self.done:
            self._joiner = self._reactor.current
            await self._reactor.wait(FOREVER)

    def hurry(self, seconds: float) -> None:
        """Let the wait that the task is in end `seconds` from now, unless it ends sooner anyway."""
        self.expires = min(self.expires, self._reactor.now + seconds)
        self.arm()

    def arm(self) -> None:
        """See to it that the reactor looks at `expires` in time."""
        if self.expires < self.bucket:
            self.bucket = self._reactor.timers.move(self, self.bucket, self.expires)

    def overdue(self, now: float) -> bool:
        """Say whether the deadline has passed; arm the next look if it has not."""
        self.bucket = FOREVER
        if self.expires <= now:
            return True
        self.arm()
        return False

    def end(self) -> "Task | None":
        """Note that the coroutine is over; return who waits for that."""
        self.done = True
        if self.bucket != FOREVER:
            self._reactor.timers.forget(self, self.bucket)
        return self._joiner


class Timers:
    """A wheel of coarse deadlines: tasks by the tick at which they are to be looked at.

    A deadline that moves later costs nothing here: the look finds it in the future and moves on.
    """

    def __init__(self) -> None:
        self.buckets: dict[float, set[Task]] = {}
        self._order: list[float] = []

    def move(self, task: Task, old: float, expires: float, grain: float = _TICK) -> float:
        """File the task under its new tick and return the tick's time."""
        if old != FOREVER:
            self.forget(task, old)
        time = (expires // grain + 1) * grain  # never before `expires`, however it is rounded
        bucket = self.buckets.get(time)
        if bucket is None:
            bucket = self.buckets[time] = set()
            heappush(self._order, time)
        bucket.add(task)
        return time

    def forget(self, task: Task, time: float) -> None:
        """Take the task out of its tick."""
        if time in self.buckets:
            self.buckets[time].discard(task)

    def next(self) -> float:
        """Return the time of the next look that has anything to look at."""
        while self._order and not self.buckets[self._order[0]]:
            del self.buckets[heappop(self._order)]
        return self._order[0] if self._order else FOREVER

    def due(self, now: float) -> set[Task]:
        """Take out some of one tick's tasks that are to be looked at; an empty set: none is due."""
        if not self._order or self._order[0] > now:
            return set()
        bucket = self.buckets[self._order[0]]
        if len(bucket) > _LOOKS:
            return {bucket.pop() for _ in range(_LOOKS)}
        return self.buckets.pop(heappop(self._order))


class Reactor:
    """Owns the poller, the tasks and their deadlines. `now` is the time of the current round."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.now = clock()
        self.timers = Timers()
        self._clock = clock
        self._poller = open_poller()
        self._watched: dict[int, Watched] = {}
        self._tasks: set[Task] = set()
        self._ready: deque[Task] = deque()
        self._failed: list[Task] = []
        self._closing: list[Callable[[], None]] = []
        self._current: Task | None = None
        self._sleep: trio.CancelScope | None = None
        self._busy = False  # the last turn brought something
        self._called = False  # a trio task has something to read
        self._turning = False

    @property
    def current(self) -> Task:
        """The task that runs; only to be asked from inside one."""
        assert self._current is not None
        return self._current

    def spawn(self, coroutine: Coroutine[Any, Any, object], parent: Task | None = None) -> Task:
        """Start a task at the next occasion."""
        task = Task(self, coroutine, parent)
        self._tasks.add(task)
        self.schedule(task)
        return task

    def schedule(self, task: Task) -> None:
        """Resume a task soon; safe from everywhere. Its wait must bear being woken for nothing."""
        self._ready.append(task)
        if self._sleep is not None:
            self._sleep.cancel()

    def wait(self, seconds: float) -> Awaitable[None]:
        """Suspend the current task until it is resumed; raises DeadlinePassed after `seconds`."""
        task = self._current
        assert task is not None
        task.expires = self.now + seconds
        if task.expires < task.bucket:
            task.arm()
        return cast("Awaitable[None]", task)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, rounded up to the next tick."""
        until = self.now + seconds
        while self.now < until:
            try:
                await self.wait(until - self.now)
            except DeadlinePassed:
                return

    async def pause(self, seconds: float) -> None:
        """Wait for `seconds`, to some ms: dearer than sleep(). Raises DeadlinePassed if hurried."""
        task = self.current
        until = task.expires = self.now + seconds
        while self.now < until:
            task.bucket = self.timers.move(task, task.bucket, task.expires, _FINE)
            try:
                await cast("Awaitable[None]", task)
            except DeadlinePassed:
                if self.now < until:
                    raise

    async def yield_turn(self) -> None:
        """Let everybody else who is ready run first."""
        self.schedule(self.current)
        await self.wait(FOREVER)

    def register(self, fd: int, watched: Watched) -> None:
        """Tell `watched` of each edge of a non-blocking descriptor."""
        self._watched[fd] = watched
        self._poller.register(fd)

    def heed(self, fd: int) -> None:
        """Give way at once when there is something on a descriptor that trio tasks read."""
        self.register(fd, _Herald(self))

    def give_way(self) -> None:
        """End the turn after this round, and have the next one wait for nothing.

        That one may be trio's choice before it lets the other task read.
        """
        self._called = True

    def unregister(self, fd: int, close: Callable[[], None]) -> None:
        """Watch no longer, and close; the descriptor's number stays taken until the round is over.

        Were it free at once, an edge already fetched for it could reach its next owner.
        """
        del self._watched[fd]
        self._poller.unregister(fd)
        if self._turning:
            self._closing.append(close)
        else:
            close()

    def resume(self, task: Task) -> None:
        """Run a task to its next wait. Only for those the reactor calls: on_events()."""
        self._run(task, None)

    async def run(self) -> None:
        """Drive all tasks, in one trio task, until cancelled; then cancel and close everything."""
        try:
            while True:
                await self._doze()
                self._turning = True
                self._take_turn()
                self._turning = False
        finally:
            self._current = None
            while self._tasks:
                next(iter(self._tasks)).cancel()
            for watched in list(self._watched.values()):
                watched.close()
            self._close_fds()
            self._poller.close()

    async def _doze(self) -> None:
        if self._busy or self._ready:
            await trio.lowlevel.checkpoint()
            return
        seconds = max(0, self.timers.next() - self._clock())
        with trio.move_on_after(seconds) as self._sleep:
            await trio.lowlevel.wait_readable(self._poller.fileno())
        self._sleep = None

    def _take_turn(self) -> None:
        """Do what comes for a while: the next octets mostly come sooner than trio could wait."""
        turn = 0.0 if self._called else _TURN
        until = self._clock() + turn
        seconds = turn if self._busy else 0.0
        self._busy = self._called = False
        while self._round(seconds):
            self._busy = True
            seconds = until - self.now
            if seconds <= 0 or self._called:
                break

    def _round(self, seconds: float) -> bool:
        """Take what is there or comes within `seconds`; say whether there was anything."""
        if self._ready:
            seconds = 0.0
        events = self._poller.poll(seconds)
        self.now = self._clock()
        watched = self._watched
        for fd, mask in events:
            target = watched.get(fd)
            if target is not None:
                target.on_events(mask)
        busy = bool(events or self._ready)
        for _ in range(len(self._ready)):
            task = self._ready.popleft()
            if not task.done:
                self._run(task, None)
        self._expire()
        self._close_fds()
        return busy or bool(self._ready)

    def _expire(self) -> None:
        for task in self.timers.due(self.now):
            if not task.done and task.overdue(self.now):
                self._run(task, DeadlinePassed())

    def _close_fds(self) -> None:
        while self._closing:
            self._closing.pop()()

    def _run(self, task: Task, error: Exception | None) -> None:
        self._current = task
        try:
            if error is None:
                task.coroutine.send(None)
            else:
                task.coroutine.throw(error)
        except StopIteration:
            self.finished(task)
        except Exception as failure:
            self._current = None
            self.finished(task)
            if task.parent is None:
                raise
            task.error = failure  # not swallowed: raised in the parent
            self._failed.append(task)
        self._current = None
        while self._failed:
            self._deliver(self._failed.pop())

    def _deliver(self, failed: Task) -> None:
        parent = failed.parent
        if failed.error is not None and parent is not None and not parent.done:
            self._run(parent, failed.error)

    def finished(self, task: Task) -> None:
        """Forget a task that is over; only Task calls this."""
        self._tasks.discard(task)
        joiner = task.end()
        if joiner is not None:
            self.schedule(joiner)
