"""Ask a worker of this machine one of its checks: over HTTP, a port, or by a command."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.core.checks import command_pause
from webqx_supervisor.core.printable import printable
from webqx_supervisor.daemon import hooks, launch
from webqx_supervisor.daemon.environment import Gifts, filled
from webqx_supervisor.daemon.launch import Resources, Sink
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.readiness import Check, Means
from webqx_supervisor.model.service import Logs, Service
from webqx_supervisor.process.lines import Origin
from webqx_supervisor.process.readiness import accepts, pause, until_accepting


class Asked(Protocol):
    """What this file asks of a worker."""

    service: Service
    instance: int
    port: int | None

    @property
    def pid(self) -> int | None:
        """The pid of its process."""


async def ask(check: Check, worker: Asked, resources: Resources) -> Answer:
    """Ask once; the answer is there after `check.timeout` at the latest."""
    port = check.port or worker.port
    match check.means:
        case Means.HTTP if port is not None:
            return await resources.prober.ask(port, check.path, check.timeout)
        case Means.TCP if port is not None:
            return await _knock(port, check.timeout)
        case Means.COMMAND:
            return await _run(check, worker, resources)
        case _:
            raise AssertionError(f"{check} cannot be asked")


async def until_good(
    check: Check, worker: Asked, resources: Resources, note: Callable[[str], None]
) -> None:
    """Ask a worker that starts until it is `rise` times good in a row; tell each bad answer."""
    began, good = trio.current_time(), 0
    port = check.port or worker.port
    if check.means is Means.HTTP and port is not None:  # a connection costs less than a request
        note(f"port {port} is closed")
        await until_accepting(port)
    while True:
        answer = await ask(check, worker, resources)
        good = good + 1 if answer.ok else 0
        if good >= check.rise:
            return
        note("" if answer.ok else answer.text)
        waited = trio.current_time() - began
        if answer.ok:
            await trio.sleep(check.interval)
        elif check.means is Means.COMMAND:
            await trio.sleep(command_pause(waited, check.interval))
        else:
            await trio.sleep(pause(waited))


async def _knock(port: int, limit: float) -> Answer:
    with trio.move_on_after(limit):
        good = await accepts(port)
        return Answer(200 if good else None, f"port {port} {'accepts' if good else 'is closed'}")
    return Answer(None, f"port {port} accepts nobody within {limit:g} s", silent=True)


async def _run(check: Check, worker: Asked, resources: Resources) -> Answer:
    """Run a command as a hook is, but for its output: nothing of it is kept but the last line."""
    quiet = replace(resources, output=_Unlogged(resources.output), store=FdStore(""))
    gifts = Gifts((("WEBQX_SV_PID", str(worker.pid)),) if worker.pid is not None else ())
    service = replace(worker.service, terminal=False)  # nobody could attach to it
    try:
        started = await launch.begin(
            check.command, service, worker.instance, worker.port, quiet, gifts
        )
    except CannotStart as error:
        return Answer(None, str(error))
    ended, lines = await hooks.until_over(started, check.timeout, quiet)
    words = f"`{' '.join(filled(check.command, worker.service, worker.instance, worker.port))}`"
    if ended is None:
        return Answer(None, f"{words} was not done within {check.timeout:g} s")
    said = ": ".join([f"{words} {ended}", *map(printable, lines[-1:])])
    return Answer(200 if ended.code == 0 else None, said)


class _Unlogged:
    """Takes output in and writes none of it down."""

    def __init__(self, output: Sink) -> None:
        self._output = output
        self.expect, self.tail = output.expect, output.tail
        self.closed, self.detach, self.terminal = output.closed, output.detach, output.terminal

    def attach(
        self, worker: str, stream: str, fd: int, path: Path | None, limits: Logs, origin: Origin
    ) -> None:
        del path
        self._output.attach(worker, stream, fd, None, limits, origin)
