"""One method per verb of the control API: words in, plain values out."""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from webqx_supervisor.control.server import Call, Reply, Stream
from webqx_supervisor.core.reconcile import Change, resolve_instances
from webqx_supervisor.daemon import headroom
from webqx_supervisor.daemon.attaching import Attaching
from webqx_supervisor.daemon.byhand import ByHand
from webqx_supervisor.daemon.evidence import ASKED
from webqx_supervisor.daemon.looking import Looking
from webqx_supervisor.daemon.pauses import Pauses
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.services import Failure, Services
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.views import Views
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.errors import UsageError
from webqx_supervisor.model.gateway import Pause
from webqx_supervisor.model.service import Service


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the daemon itself is.

    `kept`: somebody would start it again. `renewing`: proxies of older code are being replaced.
    """

    pid: int
    version: str
    kept: bool
    renewing: bool


class Whole(Protocol):
    """What only the daemon as a whole can do."""

    async def apply(self, environment: str | None = None) -> tuple[Sequence[Change], list[Failure]]:
        """Compile services.toml and make it so, in another environment if one is named."""

    def shut_down(self) -> None:
        """End it all."""

    def pulse(self) -> Pulse:
        """Say how it is."""

    def activate(self, profiles: Sequence[str]) -> None:
        """Have these profiles active as well."""

    pauses: Pauses
    views: Views

    async def in_force(self) -> None:
        """Return when every proxy follows what is wanted now."""

    async def renew(self, *, proxies: bool) -> Callable[[], object]:
        """Get ready for the code on the disk; return what gives way to it."""


class Handlers:
    """The verbs: those that change what runs are here, the others in rooms of their own."""

    def __init__(
        self,
        services: Services,
        registry: Registry,
        looking: Looking,
        whole: Whole,
    ) -> None:
        self._services = services
        self._registry = registry
        self._whole = whole
        self._verbs: dict[str, Callable[[Call], Awaitable[Reply | Stream]]] = {
            "/ping": self._ping,
            "/start": self._start,
            "/stop": self._stop,
            "/restart": self._restart,
            "/reload": self._reload,
            "/scale": self._scale,
            "/apply": self._apply,
            "/upgrade": self._upgrade,
            "/pause": self._pause,
            "/resume": self._resume,
            "/dashboard": self._dashboard,
            "/alerts/test": self._test_alerts,
            **looking.verbs,
            **ByHand(services, registry).verbs,
            **Attaching(services).verbs,
        }

    async def handle(self, call: Call) -> Reply | Stream:
        """Do what the call asks for; the server has checked that its path is a known one."""
        return await self._verbs[call.path](call)

    async def _ping(self, _: Call) -> Reply:
        return Reply(to_plain(self._whole.pulse()))

    async def _start(self, call: Call) -> Reply:
        body = _body(call, "services", "fresh", "profiles")
        fresh = bool(body.get("fresh", False))
        words, profiles = _texts(body, "services"), _texts(body, "profiles")
        self._services.named(words)  # what cannot be done is refused before anything is
        self._whole.activate(profiles)
        supervisors = self._told("start", self._services.to_start(words))
        self._services.try_listeners_again()
        # In a daemon that this very command has started, what has ended by now has had its start.
        await self._services.each(supervisors, partial(Supervisor.start, by_hand=not fresh))
        return await self._settled(supervisors)

    async def _stop(self, call: Call) -> Reply:
        words = _words(call)
        supervisors = self._told("stop", self._services.named(words))
        names = [supervisor.service.name for supervisor in supervisors]
        if not words:
            return Reply({"stopped": names, "daemon": True}, after=self._whole.shut_down)
        await self._services.stop(supervisors)
        return Reply({"stopped": names, "daemon": False, "remote": _remote(supervisors)})

    async def _restart(self, call: Call) -> Reply:
        supervisors = self._told("restart", self._services.to_start(_words(call)))
        await self._services.restart(supervisors)
        return await self._settled(supervisors)

    async def _reload(self, call: Call) -> Reply:
        supervisors = self._told("reload", self._services.to_start(_words(call)))
        remote = _remote(supervisors)
        supervisors = [each for each in supervisors if each.service.name not in remote]
        failures = await self._services.reload(supervisors)
        failed = {failure.name for failure in failures}
        names = [supervisor.service.name for supervisor in supervisors]
        done = [name for name in names if name not in failed]
        return Reply({"reloaded": done, "failed": to_plain(failures), "remote": remote})

    async def _scale(self, call: Call) -> Reply:
        body = _body(call, "service", "instances")
        supervisor = self._services.one(str(body.get("service", "")))
        if supervisor.service.remote:
            name = supervisor.service.name
            raise UsageError(f"{name} is remote: it has the addresses that services.toml names")
        before = supervisor.wanted
        wanted = resolve_instances(str(body.get("instances", "")), before, os.cpu_count() or 1)
        _check_span(supervisor.service, wanted)
        self._registry.tell(
            ASKED, f"scale from {before} to {wanted}", service=supervisor.service.name
        )
        warning = await headroom.warning(supervisor.everyone, wanted - before)
        await supervisor.scale(wanted)
        failures = await self._services.settle([supervisor])
        name = supervisor.service.name
        answer = {"name": name, "from": before, "to": wanted, "failed": to_plain(failures)}
        return Reply({**answer, "warning": warning})

    async def _apply(self, call: Call) -> Reply:
        environment = _body(call, "environment").get("environment")
        if not (environment is None or isinstance(environment, str)):
            raise UsageError('"environment" is to be a name, or "" for none')
        self._registry.tell(ASKED, f"apply {environment or ''}".strip())
        changes, failures = await self._whole.apply(environment)
        return Reply(
            {"changes": [_change_row(change) for change in changes], "failed": to_plain(failures)}
        )

    async def _upgrade(self, call: Call) -> Reply:
        proxies = _body(call, "proxies").get("proxies", True)
        if not isinstance(proxies, bool):
            raise UsageError('"proxies" is to be true or false')
        self._registry.tell(ASKED, "upgrade")
        give_way = await self._whole.renew(proxies=proxies)
        return Reply({"pid": os.getpid()}, after=give_way)

    async def _pause(self, call: Call) -> Reply:
        body = _body(call, "route", "hold", "retry_after", "reason")
        try:
            pause = from_plain(Pause, {**body, "name": body.get("route")})
        except (TypeError, ValueError) as error:
            raise UsageError(f"no such pause: {error}") from None
        self._whole.pauses.begin(pause)
        await self._whole.in_force()
        return Reply(to_plain(pause))

    async def _resume(self, call: Call) -> Reply:
        name = str(_body(call, "route").get("route", ""))
        was_paused = self._whole.pauses.end(name)
        await self._whole.in_force()
        return Reply({"name": name, "was_paused": was_paused})

    async def _dashboard(self, _: Call) -> Reply:
        return Reply({"url": await self._whole.views.dashboard.invite()})

    async def _test_alerts(self, call: Call) -> Reply:
        receiver = str(_body(call, "receiver").get("receiver", ""))
        return Reply({"receivers": await self._whole.views.alerts.test(receiver)})

    def _told(self, verb: str, supervisors: list[Supervisor]) -> list[Supervisor]:
        """Leave word of what is asked of these services; return them."""
        for supervisor in supervisors:
            self._registry.tell(ASKED, verb, service=supervisor.service.name)
        return supervisors

    async def _settled(self, supervisors: list[Supervisor]) -> Reply:
        failures = {failure.name: failure for failure in await self._services.settle(supervisors)}
        rows = []
        for supervisor in supervisors:
            name = supervisor.service.name
            failure = failures.get(name, Failure(name, ""))
            rows.append({**to_plain(failure), "state": supervisor.state})
        return Reply({"services": rows, "failed": list(failures)})


def _check_span(service: Service, wanted: int) -> None:
    """Raise UsageError if a service that scales by its load would have to leave its span."""
    span = service.autoscale
    if span is not None and not span.min <= wanted <= span.max:
        raise UsageError(
            f"{service.name} has {span.min} to {span.max} workers (autoscale), not {wanted}"
        )


def _remote(supervisors: Iterable[Supervisor]) -> list[str]:
    """Return the names of those that run elsewhere."""
    return [each.service.name for each in supervisors if each.service.remote]


def _change_row(change: Change) -> dict[str, Any]:
    """Return e.g. {"service": "api", "change": "scaled", "before": 2, "after": 4}."""
    word = type(change).__name__
    for part in ("Listener", "Proxies", "Part"):
        word = word.removeprefix(part)
    return {**to_plain(change), "change": word.lower()}


def _body(call: Call, *keys: str) -> dict[str, Any]:
    """Return the body. A slip in it must not read as nothing, since that may mean everything."""
    body = {} if call.body is None else call.body
    if not isinstance(body, dict) or not body.keys() <= set(keys):
        raise UsageError(f"{call.path} takes an object with {' and '.join(keys)}")
    return body


def _words(call: Call) -> list[str]:
    """Return what a body of nothing but services names."""
    return _texts(_body(call, "services"), "services")


def _texts(body: dict[str, Any], key: str) -> list[str]:
    texts = body.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f'"{key}" is to be a list of names')
    return texts
