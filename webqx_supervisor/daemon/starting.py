"""From a process's birth to its being ready: what it has to pass, and in which time."""

from dataclasses import replace
from typing import Protocol

import trio

from webqx_supervisor.core.checks import wanted
from webqx_supervisor.daemon import checks, handed
from webqx_supervisor.daemon.environment import filled
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.race import either
from webqx_supervisor.model.readiness import Check, Means
from webqx_supervisor.model.service import Health, Kind, Service

_PORT = Check(Means.PORT)


class Starting(Protocol):
    """What this file asks of a worker."""

    service: Service
    instance: int
    port: int | None

    @property
    def pid(self) -> int | None:
        """The pid of its process."""

    def awaits(self, what: str) -> None:
        """Take in what it has to do next."""


class Start:
    """The start of one process."""

    def __init__(self, worker: Starting, started: Started, resources: Resources) -> None:
        self._worker = worker
        self._started = started
        self._voice = started.voice
        self._resources = resources
        self._awaited = ""
        self._last_answer = ""

    async def until_ready(self) -> str:
        """Return "" once it is ready; else why it has failed to start."""
        limit = self._worker.service.health.start_timeout
        with trio.move_on_after(limit) as scope:
            await either(self._pass_all, lambda: self._until_broken(scope))
            return f"never ready: {self._broken}" if self._broken else ""
        last = f" ({self._last_answer})" if self._last_answer else ""
        waited = f": waited for {self._awaited}{last}" if self._awaited else ""
        return f"not ready within {limit:g} s{waited}"

    async def _pass_all(self) -> None:
        worker = self._worker
        if worker.service.kind is Kind.TASK:
            return
        said = worker.service.readiness
        if said.startup is not None:
            await self._pass(said.startup)
        if said.ready is not None:
            await self._pass(said.ready)
        elif worker.port is not None:
            path = worker.service.health.path
            check = Check(Means.HTTP, path=path) if path else _PORT
            self._wait_for(wanted(check, worker.port))
            await self._resources.prober.until_ready(worker.port, worker.service.health)
        elif worker.service.listen_fds:
            self._wait_for("somebody to wait for connections")
            await handed.until_attended(self._started, worker.service, self._resources.sockets)

    async def _pass(self, check: Check) -> None:
        worker = self._worker
        command = filled(check.command, worker.service, worker.instance, worker.port)
        self._wait_for(wanted(replace(check, command=command), worker.port))
        if check.is_asked:
            await checks.until_good(check, worker, self._resources, self._note)
        elif check.means is Means.PORT:
            assert worker.port is not None, "a service that waits for its port has one"
            await self._resources.prober.until_ready(worker.port, Health())
        else:
            await self._voice.until_told(check)

    async def _until_broken(self, scope: trio.CancelScope) -> None:
        """Return when it can never be ready; grant it the time that it asks for meanwhile."""
        await either(
            lambda: self._voice.until(lambda: self._broken), lambda: self._voice.grant(scope)
        )

    @property
    def _broken(self) -> str:
        """Why it will never give a sign that it has to; "" while it may."""
        signs = (check.sign for check in self._worker.service.readiness.awaited)
        return next((self._voice.broken[each] for each in signs if each in self._voice.broken), "")

    def _wait_for(self, what: str) -> None:
        self._awaited, self._last_answer = what, ""
        self._worker.awaits(what)

    def _note(self, answer: str) -> None:
        self._last_answer = answer
