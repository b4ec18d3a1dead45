"""Start one worker's process: port, environment, log pipes, journal."""

import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.core.ports import LAST_PORT
from webqx_supervisor.daemon import channels, handed
from webqx_supervisor.daemon.environment import Gifts, environment, filled
from webqx_supervisor.daemon.evidence import Evidence
from webqx_supervisor.daemon.ledger import Ledger
from webqx_supervisor.daemon.life import Life
from webqx_supervisor.daemon.means import Means, discard, provide
from webqx_supervisor.daemon.probe import Prober
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.secrets import Secrets
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.voice import Voice
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.link import Count
from webqx_supervisor.model.service import Logs, LogStreams, Service
from webqx_supervisor.process import portowner, spawn, terminal
from webqx_supervisor.process.cgroups import Ground
from webqx_supervisor.process.lines import Origin

STREAMS = ("out", "err")
LAST_WORDS = 1.0
"""How long, in seconds, to wait for the end of a dead worker's output."""


class Sink(Protocol):
    """Where the output of processes goes: process.output, all of it or in part."""

    def attach(
        self, worker: str, stream: str, fd: int, path: Path | None, limits: Logs, origin: Origin
    ) -> None:
        """Take in what comes out of the pipe `fd`."""

    def expect(self, worker: str, pattern: re.Pattern[str], tell: Callable[[], None]) -> None:
        """Call `tell` once a line has the pattern."""

    def tail(self, worker: str) -> list[str]:
        """Return the last lines."""

    async def closed(self, worker: str) -> None:
        """Return when all has been taken in."""

    def detach(self, worker: str) -> None:
        """Let go of its pipes."""

    def terminal(self, worker: str) -> terminal.Terminal | None:
        """Return the terminal that it has, if it has one."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What every worker needs of the daemon.

    `idle(id)` returns when no proxy has anything in flight on that upstream; `traffic(id)` gives
    (in flight, answered so far) over all proxies, `counts()` all figures of all proxies, or None
    if one of them gave none; `silence(id)` returns when a proxy says that the upstream is silent
    while requests wait for it; `save()` writes the journal.
    """

    registry: Registry
    output: Sink
    store: FdStore
    prober: Prober
    logs: Path
    idle: Callable[[str], Awaitable[None]]
    traffic: Callable[[str], Awaitable[tuple[int, int]]]
    counts: Callable[[], Awaitable[tuple[Count, ...] | None]]
    silence: Callable[[str], Awaitable[None]]
    save: Callable[[], None]
    evidence: Evidence
    secrets: Secrets
    sockets: ListeningSockets
    ground: Ground = field(default_factory=Ground)
    """Where the workers' cgroups are."""
    ledger: Ledger = field(default_factory=Ledger)
    private: Path = Path("private")
    """The folder of the workers' private /tmp."""
    life: Life = field(default_factory=Life)


@dataclass(frozen=True, slots=True)
class Started:
    """A worker's process: the handle, the mark that its whole tree carries, and its birth."""

    process: spawn.Process
    cookie: str
    since: float
    """When it started, on trio's clock."""
    started_at: float
    """The same as Unix time."""
    cgroup: str = ""
    """The folder of the cgroup that its whole tree is in; "": there is none."""
    voice: Voice = field(default_factory=Voice)


def log_file(logs: Path, service: str, instance: int, stream: str = "") -> Path:
    """Return where the output of this worker is kept, by all its generations.

    With a `stream`, where that one is kept while the streams have files of their own.
    """
    return logs / f"{service}-{instance}{'.' * bool(stream)}{stream}.log"


def stored_name(cookie: str, stream: str) -> str:
    """Name a log pipe in the fd store, so that the next daemon finds it."""
    return f"log={cookie}={stream}"


def cookie_of(stored: str) -> str:
    """Return whose log pipe has this name in the fd store; "" if it is none."""
    kind, _, rest = stored.partition("=")
    return rest.partition("=")[0] if kind == "log" else ""


async def start(service: Service, instance: int, port: int | None, resources: Resources) -> Started:
    """Start the command of `service`. Raises CannotStart.

    The reading ends of its two pipes go to the fd store as well: the worker never sees a broken
    pipe, even if this daemon dies in the next instant.
    """
    if port is not None:
        portowner.check_free(port)
    elif service.port is not None:
        raise CannotStart(f"no free port from {service.port} up to {LAST_PORT}")
    with (
        handed.copies(service, resources.sockets) as sockets,
        channels.opened(service) as (voice, gifts),
    ):
        voice.expect(service.readiness.patterns, gifts.cookie, resources.output.expect)
        all_gifts = handed.added(gifts, service, sockets)
        try:
            started = await begin(service.command, service, instance, port, resources, all_gifts)
        except BaseException:
            resources.output.detach(gifts.cookie)
            raise
    voice.belong(started.process.identity, started.cookie)
    voice.keep(resources.store)
    return replace(started, voice=voice)


async def begin(
    command: tuple[str, ...],
    service: Service,
    instance: int,
    port: int | None,
    resources: Resources,
    gifts: Gifts,
) -> Started:
    """Start `command` where a worker has its place, with `gifts`: folder, environment, log.

    Raises CannotStart.
    """
    cookie = gifts.cookie
    env = environment(service, instance, port, cookie, await resources.secrets.read(service))
    pipes = _terminal() if service.terminal else _pipes()
    try:
        means = await provide(service, instance, cookie, resources.ground, resources.private)
        process = await _born(
            spawn.Launch(
                command=filled(command, service, instance, port),
                cwd=service.cwd,
                env={**env, **means.env, **dict(gifts.env)},
                stdout=pipes["out"][1],
                stderr=pipes.get("err", pipes["out"])[1],
                entry=replace(
                    means.entry,
                    descriptors=gifts.descriptors,
                    pid_variable=gifts.pid_variable,
                    terminal=service.terminal,
                ),
            ),
            means,
        )
    except BaseException:
        for reading, _ in pipes.values():
            os.close(reading)
        raise
    finally:
        for _, writing in pipes.values():
            os.close(writing)
    origin = Origin(service.name, instance, process.pid)
    for stream, (reading, _) in pipes.items():
        resources.store.push(stored_name(cookie, stream), reading)
        collect(service, origin, cookie, stream, reading, resources)
    return Started(process, cookie, trio.current_time(), time.time(), means.cgroup)


async def _born(wanted: spawn.Launch, means: Means) -> spawn.Child:
    try:
        process = await spawn.start(wanted)
    except BaseException:
        means.withdraw()
        raise
    with trio.CancelScope(shield=True):  # it is there, so it is ours
        await means.settle(process.pid)
    return process


def collect(
    service: Service, origin: Origin, cookie: str, stream: str, reading: int, resources: Resources
) -> None:
    """Write what comes out of the pipe `reading` to the worker's log file; owns the descriptor."""
    apart = service.logs.streams is LogStreams.APART
    path = log_file(resources.logs, service.name, origin.instance, stream if apart else "")
    resources.output.attach(cookie, stream, reading, path, service.logs, origin)


async def forget(cookie: str, resources: Resources) -> list[str]:
    """Let go of the pipes of a process that has ended, and of its /tmp; return its last lines."""
    with trio.move_on_after(LAST_WORDS):
        await resources.output.closed(cookie)
    lines = resources.output.tail(cookie)
    resources.output.detach(cookie)
    for stream in STREAMS:
        resources.store.remove(stored_name(cookie, stream))
    await discard(resources.private, cookie)
    return lines


def _pipes() -> dict[str, tuple[int, int]]:
    pipes: dict[str, tuple[int, int]] = {}
    try:
        for stream in STREAMS:
            pipes[stream] = os.pipe()
    except OSError as error:
        for ends in pipes.values():
            for end in ends:
                os.close(end)
        raise CannotStart(f"no pipe for its output: {error.strerror}") from error
    return pipes


def _terminal() -> dict[str, tuple[int, int]]:
    """Return the ends of a terminal, which stands for both pipes."""
    try:
        return {"out": terminal.opened()}
    except OSError as error:
        raise CannotStart(f"no terminal for it: {error.strerror}") from error
