"""The verbs of the control API that only look."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from webqx_supervisor.control.server import Call, Reply, Stream
from webqx_supervisor.core import selection
from webqx_supervisor.core.exposition import CONTENT_TYPE
from webqx_supervisor.daemon.evidence import Evidence
from webqx_supervisor.daemon.logs import LogReader
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.views import Views
from webqx_supervisor.model.codec import to_plain
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.model.events import Event
from webqx_supervisor.model.status import ServiceStatus

LINES = 100
DESCRIBED_EVENTS = 20


class Looking:
    """These verbs, by their paths."""

    def __init__(
        self,
        services: Services,
        views: Views,
        registry: Registry,
        logs: LogReader,
        evidence: Evidence,
    ) -> None:
        self._services = services
        self._views, self._survey = views, views.survey
        self._registry = registry
        self._logs = logs
        self._evidence = evidence
        self.verbs: dict[str, Callable[[Call], Awaitable[Reply | Stream]]] = {
            "/status": self._status,
            "/describe": self._describe,
            "/events": self._events,
            "/logs": self._show_logs,
            "/logfiles": self._log_files,
            "/why": self._why,
            "/metrics": self._metrics,
            "/slo": self._slo,
            "/history": self._history,
            "/alerts": self._alerts,
        }

    async def _status(self, call: Call) -> Reply:
        words = _listed(call, "services")
        return Reply(
            to_plain(await self._survey.take(self._services.named(words) if words else None))
        )

    async def _describe(self, call: Call) -> Reply:
        word = call.query.get("service", "")
        supervisors = self._services.named([word])
        status = await self._survey.take(supervisors)
        rows = [self._description(*each) for each in zip(supervisors, status.services, strict=True)]
        return _one_or_several(word, supervisors, rows)

    def _description(self, supervisor: Supervisor, status: ServiceStatus) -> dict[str, Any]:
        service = to_plain(supervisor.service)
        # The values may be secrets; the names are what one looks for.
        service["env"] = [variable for variable, _ in supervisor.service.env]
        events = self._events_of([supervisor.service.name])
        return {
            "service": service,
            "environment": self._services.config.environment,
            "status": to_plain(status),
            "limits": self._survey.limits(supervisor),
            "events": to_plain(events[-DESCRIBED_EVENTS:]),
        }

    async def _why(self, call: Call) -> Reply:
        name, instance = selection.worker(call.query.get("worker", ""))
        supervisors = [each for each in self._services.named([name]) if self._knows(each, instance)]
        if not supervisors:
            raise NoSuchService(f"{name} has no worker {instance}, and had none that died")
        rows = [self._reasons(supervisor, instance) for supervisor in supervisors]
        return _one_or_several(name, supervisors, rows)

    def _knows(self, supervisor: Supervisor, instance: int | None) -> bool:
        """Say whether there is, or was, such a worker."""
        there = any(each.instance == instance for each in supervisor.everyone)
        name = supervisor.service.name
        return instance is None or there or bool(self._evidence.deaths(name, instance))

    def _reasons(self, supervisor: Supervisor, instance: int | None) -> dict[str, Any]:
        name = supervisor.service.name
        return {
            "service": name,
            "instance": instance,
            "state": supervisor.state,
            "workers": [
                {"instance": each.instance, "state": each.state, "reason": each.remark}
                for each in supervisor.everyone
                if instance in (None, each.instance)
            ],
            "deaths": to_plain(self._evidence.deaths(name, instance)),
            "quarantined": to_plain(self._evidence.quarantined(name)),
        }

    async def _events(self, call: Call) -> Reply | Stream:
        words, last = _listed(call, "services"), _number(call, "n", LINES)
        names = self._names(words)
        first = self._events_of(names)[-last:] if last else []
        if "follow" in call.query:
            more = self._event_stream(words, names, first, self._registry.told)
            return Stream("text/event-stream", more)
        return Reply({"events": to_plain(first)})

    def _events_of(self, names: Collection[str], since: int = 0) -> list[Event]:
        """Return the events of these services; without names those of all and of the daemon."""
        events = self._registry.events(since)
        return [event for event in events if event.service in names] if names else events

    async def _event_stream(
        self, words: list[str], names: list[str], events: list[Event], since: int
    ) -> AsyncIterator[bytes]:
        while True:
            if events:
                yield b"".join(b"data: " + _json(to_plain(event)) + b"\n\n" for event in events)
            while since == self._registry.told:
                await self._registry.next_change()
            with suppress(NoSuchService):  # the last of them has been removed since
                names = self._names(words)
            events, since = self._events_of(names, since), self._registry.told

    def _names(self, words: list[str]) -> list[str]:
        return [each.service.name for each in self._services.named(words)] if words else []

    async def _show_logs(self, call: Call) -> Stream:
        n, which = _number(call, "n", LINES), call.query.get("worker", "")
        files = self._logs.files(which)
        pieces = self._logs.on(which, n) if "follow" in call.query else self._logs.last(files, n)
        return Stream("text/plain; charset=utf-8", pieces)

    async def _log_files(self, call: Call) -> Reply:
        return Reply({"workers": self._logs.workers(call.query.get("worker", ""))})

    async def _metrics(self, _: Call) -> Stream:
        return Stream(CONTENT_TYPE, _whole(await self._views.metrics.text()))

    async def _slo(self, _: Call) -> Reply:
        standings = self._views.record.standings.items()
        rows = [{"name": name, "objectives": to_plain(each)} for name, each in standings]
        return Reply({"services": rows})

    async def _history(self, call: Call) -> Reply:
        supervisor = self._services.one(call.query.get("service", ""))
        seconds = _number(call, "seconds", 3600)
        points = await self._views.record.points(supervisor.service.name, seconds)
        return Reply({"points": to_plain(points)})

    async def _alerts(self, _: Call) -> Reply:
        return Reply(self._views.alerts.state())


async def _whole(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


def _listed(call: Call, key: str) -> list[str]:
    """Return the words of a query: `services=api,web`."""
    return [word for word in call.query.get(key, "").split(",") if word]


def _one_or_several(word: str, supervisors: Sequence[Supervisor], rows: list[Any]) -> Reply:
    """Return the row of a service that is named in full; in a list what a group or glob means."""
    in_full = [each.service.name for each in supervisors] == [word]
    return Reply(rows[0] if in_full else {"services": rows})


def _number(call: Call, key: str, default: int) -> int:
    text = call.query.get(key, str(default))
    if not text.isdecimal():
        raise UsageError(f"{key}={text}: a whole number is wanted")
    return int(text)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
