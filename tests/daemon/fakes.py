"""What a worker needs of the daemon, without a daemon: real processes, a scripted prober."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.evidence import Evidence
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.secrets import Secrets
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.link import Count
from webqx_supervisor.model.service import Health, RestartPolicy, Service, Stop
from webqx_supervisor.process.output import Output

SLEEP = ("sleep", "1000")
SECONDS = 20


class FakeProber:
    """Every worker is ready once `accepting` is set, and answers what `answer` says."""

    def __init__(self) -> None:
        self.accepting = trio.Event()
        self.accepting.set()
        self.answer: Callable[[], Answer] = lambda: Answer(200, "well")

    async def until_ready(self, port: int, health: Health) -> None:  # noqa: ARG002 - as Prober
        await self.accepting.wait()

    async def ask(self, port: int, path: str, timeout: float, *where: str) -> Answer:  # noqa: ARG002, ASYNC109 - as Prober
        await trio.lowlevel.checkpoint()
        return self.answer()


@dataclass
class Scene:
    resources: Resources
    prober: FakeProber
    idle: trio.Event
    saved: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.resources.registry.events()]

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(SECONDS):
            await self.resources.registry.until(condition)


def scene(folder: Path, output: Output) -> Scene:
    idle = trio.Event()
    idle.set()

    async def until_idle(_: str) -> None:
        await idle.wait()

    async def traffic(_: str) -> tuple[int, int]:
        await trio.lowlevel.checkpoint()
        return 0, 0

    async def counts() -> tuple[Count, ...] | None:
        await trio.lowlevel.checkpoint()
        return None

    async def silence(_: str) -> None:
        await trio.sleep_forever()

    prober, saved, registry, store = FakeProber(), [], Registry(), FdStore("")
    resources = Resources(
        registry=registry,
        output=output,
        store=store,
        prober=prober,  # type: ignore[arg-type]
        logs=folder,
        idle=until_idle,
        traffic=traffic,
        counts=counts,
        silence=silence,
        save=lambda: saved.append("saved"),
        evidence=Evidence(registry, folder / "deaths.json"),
        secrets=Secrets(),
        sockets=ListeningSockets(store, registry),
    )
    return Scene(resources, prober, idle, saved)


def service(
    *command: str, port: int | None = None, instances: int = 1, restart: RestartPolicy | None = None
) -> Service:
    return Service(
        "api",
        command or SLEEP,
        "/",
        instances=instances,
        port=port,
        stop=Stop(drain=10, grace=5),
        restart=restart or RestartPolicy(first_delay=0.01, longest_delay=0.01),
    )


async def open_gate() -> None:
    await trio.lowlevel.checkpoint()


@asynccontextmanager
async def living(worker: Worker) -> AsyncIterator[Worker]:
    """Have the worker's task run; at the end the worker leaves."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.live, open_gate)
        try:
            yield worker
        finally:
            worker.leave()
            with trio.fail_after(SECONDS, shield=True):
                await worker.gone.wait()


@asynccontextmanager
async def supervised(
    wanted: Service, stage: Scene, reserved: tuple[int, ...] = ()
) -> AsyncIterator[Supervisor]:
    """Have the supervisor run; at the end all its workers leave."""

    async def gate(_: Worker) -> None:
        await open_gate()

    supervisor = Supervisor(wanted, stage.resources, gate=gate, reserved=lambda: reserved)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        try:
            yield supervisor
        finally:
            supervisor.close()
            for worker in supervisor.everyone:
                worker.leave()
