"""A place in a service, an instance number and a port, with a process in it most of the time.

What the rest of the daemon sees of it. Its life is daemon.worker's, or daemon.remote's.
"""

import time
from collections.abc import Callable

import trio

from webqx_supervisor.core.lifecycle import Occasion, step
from webqx_supervisor.core.restart import Restarts
from webqx_supervisor.daemon.drain import Drain
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.model.gateway import Upstream, UpstreamState, worker_id
from webqx_supervisor.model.service import Kind, Service
from webqx_supervisor.model.status import WorkerState

HOPELESS = 3
"""So many exits in a row without a healthy time count as a failed start."""


class Place:
    """What is seen of one worker, and what may be asked of it from outside.

    `on_trial` is a worker that a reload or a scale-up has yet to prove: an exit before it is
    ready ends it instead of being healed.
    """

    remote: str | None = None
    """Where it is, if that is elsewhere (daemon.remote)."""

    def __init__(
        self, service: Service, instance: int, port: int | None, resources: Resources
    ) -> None:
        self.service = service
        self.instance = instance
        self.port = port
        self.state = WorkerState.STOPPED
        self.healthy = False
        self.reason = "waits for its time" if service.schedule.cron else ""
        self.restarts = 0
        self.started: Started | None = None
        self.on_trial = False
        self.exit_code: int | None = None
        self.well = False  # EXITED with success
        self.gone = trio.Event()
        self.last_lines: list[str] = []
        self._resources = resources
        self._history = Restarts(service.restart)
        self._leaving = trio.Event()
        self._drain = Drain(resources)
        self._nudged = trio.Event()
        self._burying = False
        self._verdict = ""
        self._ready_at = 0.0
        self._is_blocked: Callable[[], bool] = _never

    def __repr__(self) -> str:
        """Return `<Worker api:1 RUNNING pid 4711 port 3001>`."""
        return f"<Worker {self.name} {self.state} pid {self.pid} port {self.port}>"

    @property
    def name(self) -> str:
        """The worker in a person's words: `api:1`."""
        return f"{self.service.name}:{self.instance}"

    @property
    def pid(self) -> int | None:
        """The pid of its process, None between two of them."""
        return self.started.process.pid if self.started else None

    @property
    def identity(self) -> str:
        """How tables and figures name it, or would if it had a process."""
        return worker_id(self.service.name, self.instance, self.pid or 0)

    @property
    def upstream(self) -> Upstream | None:
        """How the proxies see it; None while it takes and holds no requests."""
        in_rotation = self.state in (WorkerState.RUNNING, WorkerState.DRAINING)
        if not in_rotation or self.port is None or self.pid is None:
            return None
        state = self._upstream_state()
        return Upstream(
            self.identity, "127.0.0.1", self.port, self.pid, state, ready_at=self._ready_at
        )

    @property
    def served(self) -> float:
        """For how many s it has been ready; an adopted one for ever."""
        return time.monotonic() - self._ready_at

    @property
    def blocked(self) -> bool:
        """Whether it waits for a dependency that will itself not be up soon."""
        return self._is_blocked()

    @property
    def coming(self) -> bool:
        """Whether it is about to be up, so that requests may wait for it."""
        if self.state is WorkerState.STOPPED:
            return not (self.blocked or self._leaving.is_set() or self.gone.is_set())
        return self.state in (WorkerState.STARTING, WorkerState.BACKOFF)

    @property
    def settled(self) -> bool:
        """Whether its start has come to an end, good or bad: see `failed`."""
        if self.service.schedule.cron:  # nobody waits for its time
            return True
        if self._burying:  # its last words are still to come
            return False
        up = self.state is WorkerState.RUNNING and self.service.kind is not Kind.TASK
        return up or self.failed or self.state is WorkerState.EXITED

    @property
    def completed(self) -> bool:
        """Whether it is a task that has come to its end with success."""
        return self.service.kind is Kind.TASK and self.well

    @property
    def failed(self) -> bool:
        """Whether it is down and will not be up in a moment."""
        about_to_be_tried = self._nudged.is_set() and not self.blocked
        if about_to_be_tried or self.service.schedule.cron:
            return False
        if self.state is WorkerState.EXITED:
            return not self.well
        gave_up = self.blocked or self.state is WorkerState.FATAL
        return gave_up or self._history.streak >= HOPELESS

    def leave(self, *, replaced: bool = True) -> None:
        """Ask it to end for good; `gone` tells when.

        Unless it is `replaced` by others, nobody takes over from it: streams without an end are
        ended at once, instead of holding up the drain until its deadline.
        """
        self._drain.replaced = replaced
        self._leaving.set()
        self.nudge()

    def nudge(self) -> None:
        """Start at once, by hand: forget the backoff."""
        self._history.started_by_hand()
        self._nudged.set()

    def waits(self, reason: str, is_blocked: Callable[[], bool]) -> None:
        """Take in what holds back the start, and how to ask whether that will not come soon.

        Asked anew each time: what it waits for may have been started a moment ago.
        """
        self._is_blocked = is_blocked
        if self.reason != reason:
            self.reason = reason
            self._resources.registry.changed()

    def waits_no_more(self) -> None:
        """Take in that nothing holds back the start."""
        if self._is_blocked is not _never:
            self.waits("", _never)

    def _upstream_state(self) -> UpstreamState:
        up = self.state is WorkerState.RUNNING and self.healthy
        return UpstreamState.UP if up else self._drain.state

    def _go(self, occasion: Occasion) -> None:
        self.state = step(self.state, occasion)
        self._resources.registry.changed()

    def _tell(self, kind: str, text: str, pid: int | None = None) -> None:
        self._resources.registry.tell(
            kind, text, service=self.service.name, instance=self.instance, pid=pid
        )


def _never() -> bool:
    return False
