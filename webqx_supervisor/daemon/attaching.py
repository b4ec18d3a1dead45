"""Workers with a terminal: what they show to those who attach, and what these type."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from webqx_supervisor.control.server import Call, Reply, Stream
from webqx_supervisor.core import selection
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.errors import NoProcess, NoSuchService, UsageError
from webqx_supervisor.process.terminal import Terminal

LARGEST = 10_000
"""Rows and columns of a screen."""


class Attaching:
    """These verbs, by their paths."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.verbs: dict[str, Callable[[Call], Awaitable[Reply | Stream]]] = {
            "/attach": self._attach,
            "/type": self._type,
            "/resize": self._resize,
        }

    async def _attach(self, call: Call) -> Stream:
        _, terminal = self._terminal(call.query.get("worker", ""))
        return Stream("application/octet-stream", _shown(terminal))

    async def _type(self, call: Call) -> Reply:
        match call.body:
            case {"worker": str(word), "text": str(text), **more} if not more:
                worker, terminal = self._terminal(word)
                return Reply({**_name(worker), "typed": terminal.type(_octets(text))})
        raise UsageError('/type takes an object with "worker" and "text"')

    async def _resize(self, call: Call) -> Reply:
        match call.body:
            case {"worker": str(word), "rows": int(rows), "columns": int(columns), **more} if (
                not more and 0 < rows <= LARGEST and 0 < columns <= LARGEST
            ):
                worker, terminal = self._terminal(word)
                terminal.resize(rows, columns)
                return Reply({**_name(worker), "rows": rows, "columns": columns})
        raise UsageError(
            f'/resize takes an object with "worker", "rows" and "columns", up to {LARGEST}'
        )

    def _terminal(self, word: str) -> tuple[Worker, Terminal]:
        """Return the worker that is meant, of a service its first, and its terminal.

        Raises NoSuchService, UsageError, NoProcess.
        """
        name, instance = selection.worker(word)
        supervisor = self._services.one(name)
        if not supervisor.service.terminal:
            raise UsageError(f"{name} has no terminal: that takes `terminal = true`, and a reload")
        if instance is None:
            instance = min(supervisor.workers, default=1)
        worker = supervisor.workers.get(instance)
        if worker is None and instance > supervisor.wanted:
            raise NoSuchService(f"{name} has no worker {instance}")
        terminal = self._services.terminal(worker) if worker else None
        if worker is None or terminal is None:
            state = worker.state if worker else supervisor.state
            raise NoProcess(f"{name}:{instance} has no terminal now: it is {state}")
        return worker, terminal


async def _shown(terminal: Terminal) -> AsyncIterator[bytes]:
    with terminal.watched() as viewer:
        while piece := await viewer.next():
            yield piece


def _octets(text: str) -> bytes:
    """Return what is typed; bytes that are no UTF-8 come as surrogates, as os.fsdecode has them."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError(f'"text" holds what no keyboard has: {error.reason}') from None


def _name(worker: Worker) -> dict[str, Any]:
    return {"service": worker.service.name, "instance": worker.instance}
