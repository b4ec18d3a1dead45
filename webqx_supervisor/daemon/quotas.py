"""Look after what the trees of one service use, where the kernel does not hold them to it.

Whoever is above the soft limit is replaced as in a reload; who is above a hard one is killed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import trio

from webqx_supervisor.core import quota as rules
from webqx_supervisor.core.quota import Step
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.rolling import Rolling, only
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.quota import Quota
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process import usage
from webqx_supervisor.process.usage import Usage

SHARED = 0.5
"""s; a look at all trees that somebody else has just taken is as good as an own one."""


class QuotaWatch:
    """The watch over one service."""

    def __init__(self, supervisor: Supervisor, resources: Resources, rolling: Rolling) -> None:
        self._supervisor = supervisor
        self._resources = resources
        self._rolling = rolling
        self._soft_limits: dict[int, rules.SoftLimit] = {}
        self._meters: dict[str, rules.CpuQuota] = {}

    async def by_memory(self) -> None:
        """Replace each worker that is above the soft limit, until cancelled."""
        while True:
            serving = self._serving()
            used = await self._look(serving, self._quota.memory_soft)
            steps = [
                (self._step(worker, started, used[started.cookie]), worker, started)
                for worker, started in serving
                if started.cookie in used
            ]
            for step, worker, started in steps:
                if step is Step.REPLACE:
                    what = self._figures(used[started.cookie])
                    text = f"{worker.name} pid {started.process.pid} {what}"
                    await self._rolling.roll(text, only(started))
                    break  # that took a while: the others are looked at again
            else:
                loads = [
                    _load(used[started.cookie])
                    for step, _, started in steps
                    if step is Step.NOTHING
                ]
                pause = rules.pause(replace(self._quota, pids=0), (), loads)
                await self._rest(pause, {started.cookie for _, started in serving})

    async def enforce(self) -> None:
        """Kill each tree that is above a hard limit, tell of CPU quotas, until cancelled."""
        while True:
            quota = replace(self._quota, memory_soft=0)
            everyone = _with_processes(self._supervisor.everyone)
            unheld = [each for each in everyone if rules.unheld(quota, self._held(each[1]))]
            used = await self._look(unheld, quota.memory) if unheld else {}
            self._meters = {cookie: each for cookie, each in self._meters.items() if cookie in used}
            pauses = [rules.INTERVAL]
            for worker, started in unheld:
                if now := used.get(started.cookie):
                    held, load = self._held(started), _load(now)
                    if "cpu" not in held:
                        self._mind_cpu(worker, started, now)
                    if verdict := rules.excess(quota, held, load):
                        await worker.cut_off(started, verdict)
                    pauses.append(rules.pause(quota, held, [load]))
            await trio.sleep(min(pauses))

    @property
    def _quota(self) -> Quota:
        return self._supervisor.service.quota

    def _held(self, started: Started) -> frozenset[str]:
        """Return which limits the kernel holds for a process."""
        return self._resources.ground.controllers if started.cgroup else frozenset()

    def _serving(self) -> list[tuple[Worker, Started]]:
        workers = self._supervisor.workers.values()
        return _with_processes(each for each in workers if each.state is WorkerState.RUNNING)

    async def _look(
        self, whom: Iterable[tuple[Worker, Started]], memory: int
    ) -> Mapping[str, Usage]:
        """Return what each of these uses; exactly, where that decides about the `memory` limit."""
        trees = await self._resources.ledger.look(SHARED)
        groups = {started.cookie: started.cgroup for _, started in whom}
        return await trio.to_thread.run_sync(usage.of_trees, trees, groups, memory)

    async def _rest(self, seconds: float, known: Collection[str]) -> None:
        """Wait, unless somebody has become ready: to know whether it was born that big."""

        def is_somebody_new() -> bool:
            return any(started.cookie not in known for _, started in self._serving())

        with trio.move_on_after(seconds):
            await self._resources.registry.until(is_somebody_new)

    def _step(self, worker: Worker, started: Started, used: Usage) -> Step:
        """Return what is to be done about the soft limit; tell of one that is above it at once."""
        limit = self._soft_limits.setdefault(worker.instance, rules.SoftLimit())
        step = limit.look(
            started.cookie,
            over=used.rss_bytes > self._quota.memory_soft,
            served=worker.served,
            healthy_after=self._supervisor.service.restart.healthy_after,
        )
        if step is Step.WARN:
            after = f"after {worker.served:.0f} s already; replaced after {limit.due:.0f} s"
            self._tell(worker, "too_big", f"{self._figures(used)}, {after}")
        return step

    def _figures(self, used: Usage) -> str:
        limit = self._quota.memory_soft
        return f"uses {rules.size(used.rss_bytes)}, over its memory_soft of {rules.size(limit)}"

    def _mind_cpu(self, worker: Worker, started: Started, used: Usage) -> None:
        quota = self._quota.cpu
        if not quota:
            return
        meter = self._meters.setdefault(started.cookie, rules.CpuQuota(quota))
        share = meter.read(trio.current_time(), used.cpu_seconds)
        if share:
            text = f"used {share:.0%} of a CPU for {rules.CPU_WINDOW:g} s, of its {quota:.0%}"
            self._tell(worker, "too_busy", text)

    def _tell(self, worker: Worker, kind: str, text: str) -> None:
        self._resources.registry.tell(
            kind, text, service=worker.service.name, instance=worker.instance, pid=worker.pid
        )


def _with_processes(workers: Iterable[Worker]) -> list[tuple[Worker, Started]]:
    return [(worker, worker.started) for worker in workers if worker.started is not None]


def _load(used: Usage) -> rules.Load:
    return rules.Load(used.rss_bytes, used.threads)
