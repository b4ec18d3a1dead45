"""Look after what the trees of one service use, where the kernel does not hold them to it.

Whoever is above the soft limit is replaced as in a reload; who is above a hard one is killed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import trio

from webqx_supervisor.core import quota as rules
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
        self._replacements: dict[int, rules.Replacements] = {}
        self._due: dict[str, float] = {}
        """When each of those above the soft limit is to be replaced, by cookie."""
        self._meters: dict[str, rules.CpuQuota] = {}

    @property
    def has_unheld(self) -> bool:
        """Whether there are hard limits that the kernel does not hold."""
        return rules.unheld(self._quota, self._held)

    async def by_memory(self) -> None:
        """Replace each worker that is above the soft limit, until cancelled."""
        while True:
            used = await self._look(self._serving(), self._quota.memory_soft)
            self._due = {cookie: at for cookie, at in self._due.items() if cookie in used}
            waiting = set()
            for worker, started in self._serving():
                now = used.get(started.cookie)
                if now is not None and not await self._is_settled(worker, started, now):
                    waiting.add(started.cookie)
            loads = [_load(each) for cookie, each in used.items() if cookie not in waiting]
            await trio.sleep(rules.pause(replace(self._quota, pids=0), (), loads))

    async def enforce(self) -> None:
        """Kill each tree that is above a hard limit, tell of CPU quotas, until cancelled."""
        while True:
            used = await self._look(self._everyone(), self._quota.memory)
            self._meters = {cookie: each for cookie, each in self._meters.items() if cookie in used}
            for worker, started in self._everyone():
                if started.cookie not in used:
                    continue
                now = used[started.cookie]
                self._mind_cpu(worker, started, now)
                if verdict := rules.excess(self._quota, self._held, _load(now)):
                    await worker.cut_off(started, verdict)
            loads = [_load(each) for each in used.values()]
            quota = replace(self._quota, memory_soft=0)
            await trio.sleep(rules.pause(quota, self._held, loads))

    @property
    def _quota(self) -> Quota:
        return self._supervisor.service.quota

    @property
    def _held(self) -> frozenset[str]:
        return self._resources.ground.controllers

    def _everyone(self) -> list[tuple[Worker, Started]]:
        return _with_processes(self._supervisor.everyone)

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

    async def _is_settled(self, worker: Worker, started: Started, used: Usage) -> bool:
        """Do what is to be done about the soft limit; False while it is above and waits."""
        limit, now = self._quota.memory_soft, trio.current_time()
        if used.rss_bytes <= limit:
            self._due.pop(started.cookie, None)
            return True
        what = f"{rules.size(used.rss_bytes)}, over its memory_soft of {rules.size(limit)}"
        if started.cookie not in self._due:
            rule = self._replacements.setdefault(worker.instance, rules.Replacements())
            age = now - started.since
            wait = rule.wait(age, self._supervisor.service.restart.healthy_after)
            self._due[started.cookie] = now + wait
            if wait:
                text = f"uses {what}, after {age:.0f} s already; replaced in {wait:.0f} s"
                self._tell(worker, "too_big", text)
        if self._due[started.cookie] > now:
            return False
        await self._rolling.roll(f"{worker.name} pid {worker.pid} uses {what}", only(started))
        return True

    def _mind_cpu(self, worker: Worker, started: Started, used: Usage) -> None:
        quota = self._quota.cpu
        if not quota or "cpu" in self._held:
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
