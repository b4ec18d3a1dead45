"""What cannot be true at once of the lives of services."""

import importlib.util
from collections.abc import Iterator, Mapping

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.life import kind
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.phrases import did_you_mean
from webqx_supervisor.config.schema import Service
from webqx_supervisor.model.service import Again, Kind, LogStreams


def life_clashes(services: Mapping[str, Service]) -> Iterator[Complaint]:
    """Find what a task cannot be asked for, and what only a task can."""
    for name, entry in services.items():
        place = ("services", name)
        yield from _of_task(place, entry) if kind(entry) is Kind.TASK else _of_service(place, entry)
        if entry.watch is not None and importlib.util.find_spec("watchfiles") is None:
            yield (*place, "watch"), "needs watchfiles: pip install 'webqx-sv[watch]'"
        if "time_zone" in entry.model_fields_set and not (entry.schedule or entry.cron_restart):
            yield (*place, "time_zone"), "counts only with `schedule` or `cron_restart`"
        if entry.terminal and entry.logs.streams is LogStreams.APART:
            yield (*place, "logs", "streams"), "a terminal shows both streams as one"
        for other in entry.restart_with:
            if other not in entry.depends_on:
                near = did_you_mean(other, entry.depends_on)
                yield (*place, "restart_with"), f"`{other}` is not in `depends_on`{near}"
        for other, condition in entry.depends_on.items():
            if other in services:
                problem = _unfulfillable(other, services[other], condition)
                if problem:
                    yield (*place, "depends_on", other), problem


def _of_task(place: KeyPath, entry: Service) -> Iterator[Complaint]:
    for key in ("port", "listen"):
        if getattr(entry, key) is not None:
            yield (*place, key), "a task takes no requests"
    for key in ("cron_restart", "max_age", "max_requests", "restart_with"):
        if getattr(entry, key):
            yield (*place, key), "a task ends by itself"
    if "policy" in entry.restart.model_fields_set and entry.restart.policy is Again.ALWAYS:
        yield (*place, "restart", "policy"), 'a task is to end; wanted "on-failure" or "never"'
    if entry.schedule is not None and "kind" in entry.model_fields_set and entry.kind != Kind.TASK:
        yield (*place, "kind"), "what has a `schedule` is a task"
    if "overlap" in entry.model_fields_set and entry.schedule is None:
        yield (*place, "overlap"), "counts only with a `schedule`"


def _of_service(place: KeyPath, entry: Service) -> Iterator[Complaint]:
    if "overlap" in entry.model_fields_set:
        yield (*place, "overlap"), "counts only with a `schedule`"
    if entry.max_requests and entry.port is None:
        yield (*place, "max_requests"), "needs a `port`: without one there are no requests"


def _unfulfillable(name: str, needed: Service, condition: str) -> str:
    """Return why this can never be so of what is needed; "" if it can."""
    if kind(needed) is not Kind.TASK:
        never = f'`{name}` never completes: it is no task (kind = "task")'
        return never if condition == "completed" else ""
    if needed.schedule is not None:
        return f"`{name}` runs by its schedule: there is nothing to wait for"
    if condition in ("ready", "healthy"):
        return f'`{name}` is a task; wanted "completed" or "started"'
    return ""
