"""Watch over a worker's process while it lives: first until it is ready, then whether it hangs.

Live probes tell that, where there is a path for them, and its traffic does (daemon.hang).
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from webqx_supervisor.core.health import Health, Verdict, judge
from webqx_supervisor.daemon import handed
from webqx_supervisor.daemon.hang import HangWatch
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.model.gateway import worker_id
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import usage


class Patient(Protocol):
    """What this file asks of a worker."""

    service: Service
    instance: int
    port: int | None

    def ready(self, uptime: float) -> None:
        """Take in that it is ready."""

    def judged(self, *, healthy: bool, reason: str) -> None:
        """Take in a changed verdict of the live probes."""

    async def end(self, started: Started, verdict: str = "") -> None:
        """End the process, so that it is replaced."""

    async def hung(self, started: Started, reason: str) -> None:
        """Do the same with one that hangs, and have it say where."""


class Monitor:
    """The watch over one process; each new process gets a new one."""

    def __init__(self, worker: Patient, started: Started, resources: Resources) -> None:
        self._worker = worker
        self._started = started
        self._resources = resources
        self._answered = 0
        self._cpu_seconds = 0.0
        self._last_answer = trio.current_time()

    async def attend(self, ready: bool) -> None:
        """Say when it is ready (unless it is `ready` already), then end it once it hangs."""
        if not ready and not await self._until_ready():
            return
        if self._worker.port is not None:
            reason = await self._until_hung(self._worker.port)
            await self._worker.hung(self._started, reason)

    async def _until_ready(self) -> bool:
        health, port = self._worker.service.health, self._worker.port
        with trio.move_on_after(health.start_timeout):
            if port is not None:
                await self._resources.prober.until_ready(port, health)
            elif self._worker.service.listen_fds:
                await handed.until_attended(
                    self._started, self._worker.service, self._resources.sockets
                )
            self._worker.ready(trio.current_time() - self._started.since)
            return True
        verdict = f"not ready within {health.start_timeout:g} s"
        await self._worker.end(self._started, verdict)
        return False

    async def _until_hung(self, port: int) -> str:
        """Return why it hangs, whoever finds that out."""
        reasons = []

        async def note(watch: Callable[[int], Awaitable[str]]) -> None:
            reasons.append(await watch(port))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            if self._worker.service.health.path:
                nursery.start_soon(note, self._probe_on)
            by_traffic = HangWatch(self._worker, self._started, self._resources)
            nursery.start_soon(note, by_traffic.until_hung)
        return reasons[0]

    async def _probe_on(self, port: int) -> str:
        """Ask again and again; return when it is silent. An ill one only leaves the rotation."""
        health = Health(
            self._worker.service.health.rise, self._worker.service.health.fall, healthy=True
        )
        silent = 0
        self._last_answer = trio.current_time()
        while True:
            policy = self._worker.service.health
            await trio.sleep(policy.interval)
            answer = await self._resources.prober.ask(port, policy.path or "/", policy.timeout)
            verdict = await self._judge(answer)
            outcome = "silent" if verdict is Verdict.BAD and answer.silent else verdict.name.lower()
            service, instance = self._worker.service.name, self._worker.instance
            self._resources.life.probed(service, instance, outcome)
            if verdict is Verdict.SPARED:
                continue
            silent = 0 if answer.status is not None else silent + 1
            change = health.saw(verdict is Verdict.OK)
            if change is not None:
                self._worker.judged(healthy=change, reason=answer.text)
            if silent >= 2 * policy.fall:
                return f"{answer.text}, {silent} times in a row"

    async def _judge(self, answer: Answer) -> Verdict:
        now = trio.current_time()
        if not answer.silent:
            self._last_answer = now
            return Verdict.OK if answer.ok else Verdict.BAD
        process = self._started.process
        identity = worker_id(self._worker.service.name, self._worker.instance, process.pid)
        in_flight, answered = await self._resources.traffic(identity)
        used = usage.sample(process.pid)
        cpu_seconds = used.cpu_seconds if used else self._cpu_seconds
        answered_others = answered > self._answered
        if answered_others:
            self._last_answer = now
        busy = in_flight > 0 and cpu_seconds > self._cpu_seconds
        self._answered, self._cpu_seconds = answered, cpu_seconds
        return judge(
            answered=False,
            ok=False,
            answered_others=answered_others,
            busy=busy,
            silent_for=now - self._last_answer,
            patience=self._worker.service.health.patience,
        )
