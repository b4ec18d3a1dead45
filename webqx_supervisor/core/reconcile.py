"""Wanted minus seen, as values: what is to be done, decided before anything is done.

Every function here compares two states of the world and returns the difference; whoever acts
on it can print it first.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import UsageError
from webqx_supervisor.model.gateway import Balance, Forwarding, Route
from webqx_supervisor.model.resilience import Breaker
from webqx_supervisor.model.service import Service


@dataclass(frozen=True, slots=True)
class Added:
    """The service is new."""

    service: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The service is no longer wanted."""

    service: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Its processes would see the change (command, cwd, env, port): they must be replaced."""

    service: str


@dataclass(frozen=True, slots=True)
class Scaled:
    """It wants another number of workers."""

    service: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Retuned:
    """Only policies or routes changed: taken over without touching a process."""

    service: str


@dataclass(frozen=True, slots=True)
class ListenerAdded:
    """The listener is new."""

    listener: str


@dataclass(frozen=True, slots=True)
class ListenerRemoved:
    """The listener is no longer wanted."""

    listener: str


@dataclass(frozen=True, slots=True)
class ListenerChanged:
    """Its addresses, its protocol or its limits changed."""

    listener: str


@dataclass(frozen=True, slots=True)
class ProxiesScaled:
    """Another number of proxies is wanted."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class PartChanged:
    """What the daemon does beside the services is wanted otherwise: dashboard, alerts, logs."""

    part: str


Change = (
    Added
    | Removed
    | Reloaded
    | Scaled
    | Retuned
    | ListenerAdded
    | ListenerRemoved
    | ListenerChanged
    | ProxiesScaled
    | PartChanged
)


def resize(wanted: int, present: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the instance numbers to start, and those to stop, so that `wanted` are there.

    `present` are distinct numbers; they count from 1. Holes are filled lowest
    first; the highest numbers are stopped first.
    """
    missing = wanted - len(present)
    if missing < 0:
        return (), tuple(sorted(present, reverse=True)[:-missing])
    free = (number for number in itertools.count(1) if number not in present)
    return tuple(itertools.islice(free, missing)), ()


_INSTANCES = re.compile(r"(?P<sign>[+-]?)(?P<number>[0-9]{1,6})|max(?:-(?P<spare>[0-9]{1,6}))?")


def resolve_instances(text: str, current: int, cpus: int) -> int:
    """Return how many workers `4`, `+1`, `-2`, `max` or `max-1` asks for.

    `max` is one for each of the `cpus`; `max-N` leaves N of them free, but never less than one
    worker. Raises UsageError for other words, and for less than nothing.
    """
    found = _INSTANCES.fullmatch(text)
    if found is None:
        raise UsageError(f"`{text}` is no number of instances; try 4, +1, -1, max or max-1")
    if found["number"] is None:
        return max(1, cpus - int(found["spare"] or 0))
    number = int(found["number"])
    match found["sign"]:
        case "+":
            return current + number
        case "-" if number > current:
            raise UsageError(f"cannot take {number} away from {current}")
        case "-":
            return current - number
        case _:
            return number


def start_order(services: Iterable[Service]) -> tuple[tuple[str, ...], ...]:
    """Return the services' names in waves: each depends on nothing but earlier waves.

    Names that are not among `services` are taken as there already. Raises ValueError for
    services that wait for each other.
    """
    waits = {each.name: {name for name, _ in each.depends_on} for each in services}
    waves: list[tuple[str, ...]] = []
    while waits:
        wave = tuple(name for name, needed in waits.items() if not needed & waits.keys())
        if not wave:
            raise ValueError(f"these services wait for each other: {', '.join(waits)}")
        waves.append(wave)
        for name in wave:
            del waits[name]
    return tuple(waves)


def plan(old: Config, new: Config) -> tuple[Change, ...]:
    """Return what must be done so that a daemon that runs `old` runs `new`.

    First what goes (its ports and addresses may be wanted again), then what changes, then what
    comes; a service that comes stands behind those it depends on. What is only written down in
    another order is no change. A change of name or file is none either: that is another daemon.
    """
    return (*_goes(old, new), *_changes(old, new), *_comes(old, new))


def _goes(old: Config, new: Config) -> Iterator[Change]:
    kept = {listener.name for listener in new.listeners}
    yield from (ListenerRemoved(each.name) for each in old.listeners if each.name not in kept)
    yield from (Removed(each.name) for each in old.services if not new.service(each.name))


def _changes(old: Config, new: Config) -> Iterator[Change]:
    if old.proxies != new.proxies:
        yield ProxiesScaled(old.proxies, new.proxies)
    for part in ("metrics", "dashboard", "alerts", "audit", "access_log", "tracing"):
        if getattr(old, part) != getattr(new, part):
            yield PartChanged(part)
    for service in new.services:
        if before := old.service(service.name):
            tuned = _gateway(old, service.name) != _gateway(new, service.name)
            yield from _service_changes(before, service, tuned=tuned)
    present = {listener.name: listener for listener in old.listeners}
    for listener in new.listeners:
        if present.get(listener.name, listener) != listener:
            yield ListenerChanged(listener.name)


def _service_changes(old: Service, new: Service, *, tuned: bool) -> Iterator[Change]:
    if _seen_by_process(old) != _seen_by_process(new):
        yield Reloaded(new.name)  # takes the new policies over as well
    elif tuned or replace(old, instances=new.instances, env=new.env) != new:
        yield Retuned(new.name)
    # What the load decides is not set back by what it began with.
    left_to_load = old.autoscale is not None
    if new.autoscale is None and (left_to_load or old.instances != new.instances):
        yield Scaled(new.name, old.instances, new.instances)


def _comes(old: Config, new: Config) -> Iterator[Change]:
    added = [service for service in new.services if not old.service(service.name)]
    yield from (Added(name) for wave in start_order(added) for name in wave)
    present = {listener.name for listener in old.listeners}
    yield from (ListenerAdded(each.name) for each in new.listeners if each.name not in present)


def _seen_by_process(service: Service) -> tuple[object, ...]:
    env = dict(service.env), dict(service.secrets), service.env_inherit
    place = service.cwd, service.port, service.remote, service.listen_fds
    told = service.readiness.given, service.stop.shutdown_with_message
    # The soft limit alone is the daemon's, and no process has been told of it.
    means = (replace(service.quota, memory_soft=0), service.privileges)
    kind = service.kind, service.schedule, service.terminal
    return service.command, place, env, kind, told, means


def _gateway(
    config: Config, service: str
) -> tuple[Forwarding, Balance, Breaker | None, frozenset[Route]]:
    """Return how requests come to a service: its policies, and the routes that lead to it."""
    routes = (route for route in config.routes if service in (route.service, route.backup))
    return (
        dict(config.forwardings).get(service, Forwarding()),
        dict(config.balances).get(service, Balance()),
        dict(config.breakers).get(service),
        frozenset(routes),
    )
