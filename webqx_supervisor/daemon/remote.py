"""A worker that runs elsewhere: nothing is started here, it is only looked after and made known.

Its address is looked up by the daemon, again and again, and asked as a worker of this machine is:
over HTTP where there is a path, else whether it accepts. The proxies get it while it is well.
"""

import time
from collections.abc import Awaitable, Callable

import trio

from webqx_supervisor.core.health import Health
from webqx_supervisor.core.lifecycle import Occasion
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.gateway import Upstream, remote_id, split_address
from webqx_supervisor.model.readiness import Check, Means
from webqx_supervisor.model.service import Service
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process.readiness import accepts

LOOKUP = 30.0
"""s for which the address of a name is good; while nobody answers there it is asked for anew."""
LOOKUP_TIME = 5.0
"""s that a look-up may take."""


class Remote(Worker):
    """One address of a remote service. Its `port` is there, and it never has a process."""

    def __init__(self, service: Service, instance: int, resources: Resources) -> None:
        self.address = self.remote = service.remote[instance - 1]
        self._host, port = split_address(self.address)
        super().__init__(service, instance, port, resources)
        self._port = port
        self._found: list[str] = []
        self._found_at = 0.0
        self._at = ""
        self._seen = Health(self._check.rise, self._check.fall)
        self._vain = 0

    @property
    def identity(self) -> str:
        """How tables and figures name it: another address is another upstream."""
        return remote_id(self.service.name, self.instance, self._at, self._port)

    @property
    def upstream(self) -> Upstream | None:
        """How the proxies see it; None while it takes and holds no requests."""
        if self.state not in (WorkerState.RUNNING, WorkerState.DRAINING):
            return None
        return Upstream(
            self.identity,
            self._at,
            self._port,
            0,
            self._upstream_state(),
            ready_at=self._ready_at,
            remote=True,
        )

    @property
    def coming(self) -> bool:
        """Whether it may be up in a moment: nobody knows before it was asked."""
        return super().coming and not self.failed

    @property
    def failed(self) -> bool:
        """Whether it did not answer when it was asked first, nor since."""
        return self.blocked or (self.state is WorkerState.STARTING and bool(self.reason))

    @property
    def _check(self) -> Check:
        """What is asked: `ready`, or what `health` says."""
        health = self.service.health
        return self.service.readiness.ready or Check(
            Means.HTTP if health.path is not None else Means.TCP,
            path=health.path or "",
            interval=health.interval,
            timeout=health.timeout,
            rise=health.rise,
            fall=health.fall,
        )

    def retune(self, service: Service) -> None:
        """Take over a changed policy."""
        super().retune(service)
        self._seen = Health(self._check.rise, self._check.fall, healthy=self._seen.healthy)

    async def live(self, gate: Callable[[], Awaitable[None]]) -> None:
        """Ask it again and again until told to leave."""
        try:
            await self._unless_leaving(gate)
            if not self._leaving.is_set():
                self._go(Occasion.START)
                await self._unless_leaving(self._attend)
            if self.state is WorkerState.RUNNING:
                self._go(Occasion.DRAIN)
                with trio.move_on_after(self.service.stop.drain):
                    await self._resources.idle(self.identity)
        finally:
            self.healthy = False
            if self.state is not WorkerState.STOPPED:
                self._go(Occasion.STOPPED)
            self.gone.set()
            self._resources.registry.changed()

    async def _attend(self) -> None:
        while True:
            interval = self._check.interval
            answer = await self._ask()
            change = self._seen.saw(answer.ok)
            outcome = "ok" if answer.ok else "silent" if answer.silent else "bad"
            self._resources.life.probed(self.service.name, self.instance, outcome)
            if self.state is WorkerState.STARTING:
                self._welcome(answer)
            elif change is not None:
                self.judged(healthy=change, reason=answer.text)
            await trio.sleep(interval)

    def _welcome(self, answer: Answer) -> None:
        """Take in an answer before it was ever well."""
        if self._seen.healthy:
            self.healthy, self.reason = True, ""
            self._ready_at = time.monotonic()
            self._go(Occasion.READY)
            self._tell("ready", f"{self.address} answers")
        elif not answer.ok and self.reason != answer.text:
            if not self.reason:
                self._tell("unhealthy", answer.text)
            self.reason = answer.text
            self._resources.registry.changed()

    async def _ask(self) -> Answer:
        """Probe it where it is; while it is ill, at one after the other of its addresses."""
        reason = await self._look_up()
        if not self._found:
            return Answer(None, reason)
        at = self._at
        if at not in self._found or not self.healthy:
            at = self._found[self._vain % len(self._found)]
        answer = await self._probe(at)
        if not answer.ok:
            self._vain += 1
        elif at != self._at:
            self._at = at
            self._resources.registry.changed()
        return answer

    async def _look_up(self) -> str:
        """Find the addresses; those that are known stay if none are found. Returns why not."""
        now = trio.current_time()
        if self._found and self.healthy and now - self._found_at < LOOKUP:
            return ""
        try:
            with trio.fail_after(LOOKUP_TIME):
                infos = await trio.socket.getaddrinfo(
                    self._host, self._port, type=trio.socket.SOCK_STREAM
                )
        except (OSError, UnicodeError) as error:
            return f"no address of {self._host}: {getattr(error, 'strerror', None) or error}"
        except trio.TooSlowError:
            return f"no address of {self._host} within {LOOKUP_TIME:g} s"
        self._found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        self._found_at = now
        return ""

    async def _probe(self, host: str) -> Answer:
        check = self._check
        port = check.port or self._port
        if check.means is Means.HTTP:
            return await self._resources.prober.ask(
                port, check.path, check.timeout, host, self.address
            )
        where = self.address if port == self._port else f"{self._host}:{port}"
        with trio.move_on_after(check.timeout):
            if await accepts(port, host):
                return Answer(200, f"{where} accepts")
            return Answer(None, f"nobody accepts at {where}")
        return Answer(None, f"{where} accepts nobody within {check.timeout:g} s")
