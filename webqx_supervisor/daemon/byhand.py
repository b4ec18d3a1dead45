"""What a person does to a single worker by hand: a signal, a look at its environment."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from webqx_supervisor.config.accounts import account
from webqx_supervisor.config.phrases import did_you_mean
from webqx_supervisor.control.fdstore import VARIABLES
from webqx_supervisor.control.server import Call, Reply
from webqx_supervisor.core import selection
from webqx_supervisor.core.masking import masked
from webqx_supervisor.daemon.environment import environment
from webqx_supervisor.daemon.evidence import ASKED
from webqx_supervisor.daemon.launch import Started
from webqx_supervisor.daemon.means import identity
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.codec import to_plain
from webqx_supervisor.model.errors import NoProcess, NoSuchService, UsageError
from webqx_supervisor.model.exits import signal_name, signal_number
from webqx_supervisor.process import table, tree
from webqx_supervisor.process.spawn import Entry

_SIGNALS = [signal_name(number) for number in range(1, 32)]

_OF_THE_PROCESS = (tree.COOKIE_VARIABLE, *VARIABLES)
"""The mark by which all that has it ends with the worker, and what tells of its descriptors."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker is, or would be if it were started."""

    service: str
    instance: int
    cwd: str
    env: dict[str, str]
    secrets: frozenset[str]
    """The names of what is never shown."""
    entry: Entry
    """What a process takes on to be there."""


class ByHand:
    """These verbs, by their paths."""

    def __init__(self, services: Services, registry: Registry) -> None:
        self._services = services
        self._registry = registry
        self.verbs: dict[str, Callable[[Call], Awaitable[Reply]]] = {
            "/signal": self._signal,
            "/env": self._env,
            "/exec": self._exec,
        }

    async def _signal(self, call: Call) -> Reply:
        number, words, whole_tree = _signal_words(call.body)
        targets = [target for word in words for target in self._processes(word)]
        rows = []
        for worker, started in dict(targets).items():
            name, process = signal_name(number), started.process
            self._registry.tell(
                ASKED,
                f"signal {name}{' to the whole tree' if whole_tree else ''}",
                service=worker.service.name,
                instance=worker.instance,
                pid=process.pid,
            )
            reached = 1
            if whole_tree:
                reached = await tree.send(process.identity, started.cookie, number, started.cgroup)
            else:
                process.send_signal(number)
            rows.append(
                {
                    "service": worker.service.name,
                    "instance": worker.instance,
                    "pid": process.pid,
                    "processes": reached,
                }
            )
        return Reply({"signal": signal_name(number), "workers": rows})

    async def _env(self, call: Call) -> Reply:
        place = await self._place(call.query.get("worker", ""))
        env = masked(place.env, show="show" in call.query, never=place.secrets)
        return Reply(_row(place, env))

    async def _exec(self, call: Call) -> Reply:
        place = await self._place(call.query.get("worker", ""))
        env = {key: value for key, value in place.env.items() if key not in _OF_THE_PROCESS}
        return Reply(_row(place, env) | {"entry": to_plain(_for_caller(place.entry, call.uid))})

    def _processes(self, word: str) -> list[tuple[Worker, Started]]:
        """Return the workers that a word means, and their processes.

        Raises NoSuchService, UsageError, NoProcess.
        """
        name, instance = selection.worker(word)
        supervisors = self._services.named([name])
        if all(each.service.remote for each in supervisors):
            raise UsageError(f"{name} is remote: it has no process here")
        workers = [
            w for each in supervisors for w in each.everyone if instance in (None, w.instance)
        ]
        if instance is not None and not workers:
            raise NoSuchService(f"{name} has no worker {instance}")
        found = [(worker, worker.started) for worker in workers if worker.started is not None]
        if not found:
            state = workers[0].state if workers else supervisors[0].state
            raise NoProcess(f"{word} has no process now: it is {state}")
        return found

    async def _place(self, word: str) -> Place:
        """Return where the worker of a word is, of a service its first.

        Raises NoSuchService, UsageError; CannotStart for a secret that cannot be read.
        """
        name, instance = selection.worker(word)
        supervisor = self._services.one(name)
        service = supervisor.service
        if service.remote:
            raise UsageError(f"{name} is remote: it has no environment here")
        instances = {*range(1, supervisor.wanted + 1), *(w.instance for w in supervisor.everyone)}
        if instance is not None and instance not in instances:
            raise NoSuchService(f"{name} has no worker {instance}")
        instance = instance or min(instances, default=1)
        env = _seen(supervisor.workers.get(instance))
        if env is None:
            env = await self._would_have(supervisor, instance)
        secret = frozenset(name for name, _ in service.secrets)
        entry = self._services.guest(service, supervisor.workers.get(instance))
        return Place(name, instance, service.cwd, env, secret, entry)

    async def _would_have(self, supervisor: Supervisor, instance: int) -> dict[str, str]:
        """Return the environment that the worker is started with. Raises CannotStart."""
        service, worker = supervisor.service, supervisor.workers.get(instance)
        port = None if service.port is None else service.port + instance - 1
        read = await self._services.secrets(service)
        env = environment(service, instance, worker.port if worker else port, "", read)
        del env[tree.COOKIE_VARIABLE]
        _, of_user = identity(service)
        return {**env, **of_user}


def _seen(worker: Worker | None) -> dict[str, str] | None:
    """Return the environment that the kernel shows of a worker's process; None where none does.

    A program may have written its title over it, or be another user's.
    """
    if worker is None or worker.started is None:
        return None
    pairs = map(os.fsdecode, table.environment(worker.started.process.pid))
    seen = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    secret = dict.fromkeys((name for name, _ in worker.service.secrets), "")
    given = environment(worker.service, worker.instance, worker.port, "", secret)
    return seen if given.keys() <= seen.keys() else None


def _for_caller(entry: Entry, uid: int) -> Entry:
    """Return what a caller takes on: root becomes whoever the daemon is, as its workers are."""
    if entry.account is not None or uid == os.geteuid():
        return entry
    return replace(entry, account=account(f"{os.geteuid()}:{os.getegid()}"))


def _row(place: Place, env: dict[str, str]) -> dict[str, Any]:
    return {
        "service": place.service,
        "instance": place.instance,
        "cwd": place.cwd,
        "env": dict(sorted(env.items())),
    }


def _signal_words(body: Any) -> tuple[int, list[str], bool]:
    """Read what /signal is given. Raises UsageError."""
    match body:
        case {"signal": str(text), "workers": [_, *_] as words, **more} if all(
            isinstance(word, str) for word in words
        ):
            whole_tree = more.pop("tree", False)
            if not more and isinstance(whole_tree, bool):
                return _number(text), words, whole_tree
    raise UsageError('/signal takes an object with "signal", "workers" and maybe "tree"')


def _number(text: str) -> int:
    try:
        return signal_number(text)
    except ValueError as error:
        name = f"SIG{text.upper().removeprefix('SIG')}"
        raise UsageError(f"{error}{did_you_mean(name, _SIGNALS)}") from None
