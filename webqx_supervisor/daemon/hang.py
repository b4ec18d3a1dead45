"""Watch over one process by its traffic: whether it hangs while its peers answer.

The proxies say who is silent; nothing happens here before they do. Who has a long-polled or a slow
request, and nothing else, is silent by right: so it is asked for one thing more, and the figures
are looked at again afterwards.
"""

import time
from typing import Protocol

import trio

from webqx_supervisor.core.hang import Silence, hangs, silence
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.model.gateway import worker_id
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import tree, usage


class Watched(Protocol):
    """What this file asks of a worker."""

    service: Service
    instance: int


class HangWatch:
    """The watch over one process; each new process gets a new one."""

    def __init__(self, worker: Watched, started: Started, resources: Resources) -> None:
        self._worker = worker
        self._started = started
        self._resources = resources
        pid = started.process.pid
        self._identity = worker_id(worker.service.name, worker.instance, pid)

    async def until_hung(self, port: int) -> str:
        """Return why it hangs, once it does."""
        while True:
            await self._resources.silence(self._identity)
            found = await self._judge(port)
            if found is not None:
                return str(found)

    async def _judge(self, port: int) -> Silence | None:
        health = self._worker.service.health
        if await self._silence() is None:
            return None
        cpu_seconds = await self._cpu_seconds()
        answer = await self._resources.prober.ask(port, health.path or "/", health.timeout)
        if not answer.silent:
            return None
        busy = await self._cpu_seconds() > cpu_seconds
        found = await self._silence()  # whoever answered others meanwhile is only slow
        if found is None or not hangs(found, busy=busy, patience=health.patience):
            return None
        return found

    async def _silence(self) -> Silence | None:
        hang_timeout = self._worker.service.health.hang_timeout
        counts = await self._resources.counts()
        if counts is None or not hang_timeout:
            return None
        return silence(counts, self._identity, time.monotonic(), hang_timeout)

    async def _cpu_seconds(self) -> float:
        """Return what its whole tree has used: the command may only have started the program."""
        identity, cookie = self._started.process.identity, self._started.cookie
        members = await trio.to_thread.run_sync(tree.members, identity, cookie)
        samples = (usage.sample(each.pid) for each in members)
        return sum(used.cpu_seconds for used in samples if used is not None)
