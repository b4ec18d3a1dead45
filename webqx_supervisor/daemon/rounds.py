"""Ask a worker the same again and again, and say which of the answers count."""

import trio

from webqx_supervisor.core.health import Verdict, judge
from webqx_supervisor.daemon import checks
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.model.gateway import worker_id
from webqx_supervisor.model.readiness import Check
from webqx_supervisor.process import usage


class Rounds:
    """The rounds of one check of one process."""

    def __init__(self, worker: checks.Asked, started: Started, resources: Resources) -> None:
        self._worker = worker
        self._started = started
        self._resources = resources
        self._answered = 0
        self._cpu_seconds = 0.0
        self._last_answer = trio.current_time()

    async def next(self, check: Check) -> tuple[Answer, Verdict]:
        """Wait for the interval, ask, and judge."""
        await trio.sleep(check.interval)
        answer = await checks.ask(check, self._worker, self._resources)
        verdict = await self._judge(answer)
        outcome = "silent" if verdict is Verdict.BAD and answer.silent else verdict.name.lower()
        service, instance = self._worker.service.name, self._worker.instance
        self._resources.life.probed(service, instance, outcome)
        return answer, verdict

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
