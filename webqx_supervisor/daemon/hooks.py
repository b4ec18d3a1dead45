"""Commands of the user's at the turns of a worker's life.

A hook runs as the worker does: its folder, its environment, its log. It has its own time limit, and
nothing it started outlives it.
"""

from dataclasses import replace

import trio

from webqx_supervisor.core.printable import printable
from webqx_supervisor.daemon import launch
from webqx_supervisor.daemon.environment import Gifts
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.place import Place
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process import tree


class HookFailed(CannotStart):
    """Why a hook did not succeed, and the last that it wrote."""

    def __init__(self, reason: str, lines: list[str]) -> None:
        super().__init__(reason)
        self.lines = lines


async def run(name: str, place: Place, resources: Resources) -> None:
    """Run the hook `name` of the service to its end, if it has one. Raises HookFailed."""
    command: tuple[str, ...] = getattr(place.service.hooks, name)
    if not command:
        return
    env = {"WEBQX_SV_HOOK": name}
    if place.pid is not None:
        env["WEBQX_SV_PID"] = str(place.pid)
    try:
        service = replace(place.service, terminal=False)  # nobody could attach to it
        started = await launch.begin(
            command, service, place.instance, place.port, resources, Gifts(tuple(env.items()))
        )
    except CannotStart as error:
        raise HookFailed(f"{name}: {error}", []) from error
    limit = place.service.hooks.timeout
    ended, lines = await until_over(started, limit, resources)
    if ended is None:
        raise HookFailed(f"{name} was not done within {limit:g} s", lines)
    if ended.code != 0:
        raise HookFailed(": ".join([f"{name} {ended}", *map(printable, lines[-1:])]), lines)


async def attempt(name: str, place: Place, resources: Resources) -> None:
    """Do the same where a failure is only told."""
    try:
        await run(name, place, resources)
    except HookFailed as error:
        service, instance = place.service.name, place.instance
        resources.registry.tell(
            "failed", str(error), service=service, instance=instance, pid=place.pid
        )


async def once_ready(place: Place, resources: Resources) -> None:
    """Attempt `after_ready` as soon as the worker is so."""
    await resources.registry.until(lambda: place.state is WorkerState.RUNNING)
    await attempt("after_ready", place, resources)


async def until_over(
    started: Started, limit: float, resources: Resources
) -> tuple[Exit | None, list[str]]:
    """Return how it ended, None if it had to be ended, and its last lines."""
    ended, lines = None, list[str]()
    try:
        with trio.move_on_after(limit):
            ended = await started.process.wait()
    finally:
        with trio.CancelScope(shield=True):  # also one that nobody waits for any more
            identity, cookie = started.process.identity, started.cookie
            await tree.kill_leftovers(identity, cookie, started.cgroup)
            await started.process.wait()
            lines = await launch.forget(started.cookie, resources)
    return ended, lines
