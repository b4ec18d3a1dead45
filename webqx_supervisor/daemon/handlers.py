"""One method per verb of the control API: words in, plain values out."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from webqx_supervisor.control.server import Call, Reply, Stream
from webqx_supervisor.core.exposition import CONTENT_TYPE
from webqx_supervisor.core.reconcile import Change, resolve_instances
from webqx_supervisor.daemon import headroom
from webqx_supervisor.daemon.alerts.watch import AlertWatch
from webqx_supervisor.daemon.evidence import ASKED, Evidence
from webqx_supervisor.daemon.logs import LogReader
from webqx_supervisor.daemon.metrics import Metrics
from webqx_supervisor.daemon.pauses import Pauses
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.services import Failure, Services
from webqx_supervisor.daemon.status import Survey
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.model.gateway import Pause
from webqx_supervisor.model.service import Service

LINES = 100
DESCRIBED_EVENTS = 20


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

    pauses: Pauses
    metrics: Metrics
    alerts: AlertWatch

    async def in_force(self) -> None:
        """Return when every proxy follows what is wanted now."""

    async def invite(self) -> str:
        """Return an address that lets a browser in."""

    async def renew(self, *, proxies: bool) -> Callable[[], object]:
        """Get ready for the code on the disk; return what gives way to it."""


class Handlers:
    """The verbs."""

    def __init__(
        self,
        services: Services,
        survey: Survey,
        registry: Registry,
        logs: LogReader,
        evidence: Evidence,
        whole: Whole,
    ) -> None:
        self._services = services
        self._survey = survey
        self._registry = registry
        self._logs = logs
        self._evidence = evidence
        self._whole = whole
        self._verbs: dict[str, Callable[[Call], Awaitable[Reply | Stream]]] = {
            "/ping": self._ping,
            "/status": self._status,
            "/describe": self._describe,
            "/events": self._events,
            "/logs": self._show_logs,
            "/logfiles": self._log_files,
            "/start": self._start,
            "/stop": self._stop,
            "/restart": self._restart,
            "/reload": self._reload,
            "/scale": self._scale,
            "/apply": self._apply,
            "/upgrade": self._upgrade,
            "/why": self._why,
            "/metrics": self._metrics,
            "/pause": self._pause,
            "/resume": self._resume,
            "/dashboard": self._dashboard,
            "/alerts": self._alerts,
            "/alerts/test": self._test_alerts,
        }

    async def handle(self, call: Call) -> Reply | Stream:
        """Do what the call asks for; the server has checked that its path is a known one."""
        return await self._verbs[call.path](call)

    async def _ping(self, _: Call) -> Reply:
        return Reply(to_plain(self._whole.pulse()))

    async def _status(self, _: Call) -> Reply:
        return Reply(to_plain(await self._survey.take()))

    async def _describe(self, call: Call) -> Reply:
        status = await self._survey.take()
        (supervisor,) = self._services.named([call.query.get("service", "")])
        name = supervisor.service.name
        service = to_plain(supervisor.service)
        # The values may be secrets; the names are what one looks for.
        service["env"] = [variable for variable, _ in supervisor.service.env]
        events = [event for event in self._registry.events() if event.service == name]
        return Reply(
            {
                "service": service,
                "environment": self._services.config.environment,
                "status": next(to_plain(s) for s in status.services if s.name == name),
                "limits": self._survey.limits(supervisor),
                "events": to_plain(events[-DESCRIBED_EVENTS:]),
            }
        )

    async def _metrics(self, _: Call) -> Stream:
        return Stream(CONTENT_TYPE, _whole(await self._whole.metrics.text()))

    async def _why(self, call: Call) -> Reply:
        name, _, number = call.query.get("worker", "").partition(":")
        (supervisor,) = self._services.named([name])
        if number and not number.isdecimal():
            raise UsageError(f"{name}:{number} is no worker; write it as {name}:1")
        instance = int(number) if number else None
        workers = [each for each in supervisor.everyone if instance in (None, each.instance)]
        deaths = self._evidence.deaths(name, instance)
        if instance is not None and not workers and not deaths:
            raise NoSuchService(f"{name} has no worker {number}, and had none that died")
        return Reply(
            {
                "service": name,
                "instance": instance,
                "state": supervisor.state,
                "workers": [
                    {"instance": each.instance, "state": each.state, "reason": each.reason}
                    for each in workers
                ],
                "deaths": to_plain(deaths),
                "quarantined": to_plain(self._evidence.quarantined(name)),
            }
        )

    async def _events(self, call: Call) -> Reply | Stream:
        since = max(0, self._registry.told - _number(call, "n", LINES))
        if "follow" in call.query:
            return Stream("text/event-stream", self._event_stream(since))
        return Reply({"events": to_plain(self._registry.events(since))})

    async def _event_stream(self, since: int) -> AsyncIterator[bytes]:
        while True:
            events, since = self._registry.events(since), self._registry.told
            if events:
                yield b"".join(b"data: " + _json(to_plain(event)) + b"\n\n" for event in events)
            else:
                await self._registry.next_change()

    async def _show_logs(self, call: Call) -> Stream:
        n, which = _number(call, "n", LINES), call.query.get("worker", "")
        files = self._logs.files(which)
        pieces = self._logs.on(which, n) if "follow" in call.query else self._logs.last(files, n)
        return Stream("text/plain; charset=utf-8", pieces)

    async def _log_files(self, call: Call) -> Reply:
        return Reply({"workers": self._logs.workers(call.query.get("worker", ""))})

    async def _start(self, call: Call) -> Reply:
        fresh = bool(_body(call, "services", "fresh").get("fresh", False))
        supervisors = self._named(call, "start")
        self._services.try_listeners_again()
        # In a daemon that this very command has started, what has ended by now has had its start.
        await self._services.each(supervisors, partial(Supervisor.start, by_hand=not fresh))
        return await self._settled(supervisors)

    async def _stop(self, call: Call) -> Reply:
        supervisors = self._named(call, "stop")
        names = [supervisor.service.name for supervisor in supervisors]
        if not _names(call):
            return Reply({"stopped": names, "daemon": True}, after=self._whole.shut_down)
        await self._services.stop(supervisors)
        return Reply({"stopped": names, "daemon": False, "remote": _remote(supervisors)})

    async def _restart(self, call: Call) -> Reply:
        supervisors = self._named(call, "restart")
        await self._services.restart(supervisors)
        return await self._settled(supervisors)

    async def _reload(self, call: Call) -> Reply:
        supervisors = self._named(call, "reload")
        remote = _remote(supervisors)
        supervisors = [each for each in supervisors if each.service.name not in remote]
        failures = await self._services.reload(supervisors)
        failed = {failure.name for failure in failures}
        names = [supervisor.service.name for supervisor in supervisors]
        done = [name for name in names if name not in failed]
        return Reply({"reloaded": done, "failed": to_plain(failures), "remote": remote})

    async def _scale(self, call: Call) -> Reply:
        body = _body(call, "service", "instances")
        (supervisor,) = self._services.named([str(body.get("service", ""))])
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
        return Reply({"url": await self._whole.invite()})

    async def _alerts(self, _: Call) -> Reply:
        return Reply(self._whole.alerts.state())

    async def _test_alerts(self, call: Call) -> Reply:
        receiver = str(_body(call, "receiver").get("receiver", ""))
        return Reply({"receivers": await self._whole.alerts.test(receiver)})

    def _named(self, call: Call, verb: str) -> list[Supervisor]:
        """Return the services that a command names, and leave word of it."""
        supervisors = self._services.named(_names(call))
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


async def _whole(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


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


def _names(call: Call) -> list[str]:
    names = _body(call, "services", *(("fresh",) if call.path == "/start" else ())).get(
        "services", []
    )
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError('"services" is to be a list of names')
    return names


def _number(call: Call, key: str, default: int) -> int:
    text = call.query.get(key, str(default))
    if not text.isdecimal():
        raise UsageError(f"{key}={text}: a whole number is wanted")
    return int(text)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
