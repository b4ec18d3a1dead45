"""What cannot be true at once in the routes: of each alone, and of two together."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.filters import Filters, Merged
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.phrases import did_you_mean
from webqx_supervisor.config.routes import Route
from webqx_supervisor.config.schema import Listener, Service, ServicesToml
from webqx_supervisor.model.gateway import Protocol

OVER_TCP = ("allow", "deny")
"""The filters that need no request: addresses are enough."""

PROOFS = ("jwt", "basic_auth", "api_keys")
"""What makes claims of who asks."""

TARGETS = ("service", "files", "redirect", "answer")
"""What a route may lead to: one of them."""


@dataclass(frozen=True, slots=True)
class Names:
    """Every name in the file, also of entries that are left out for an error of their own."""

    services: Collection[str]
    listeners: Collection[str]


def route_clashes(
    document: ServicesToml, names: Names, listeners: Mapping[str | int, Listener]
) -> Iterator[Complaint]:
    """Find what is wrong with well-formed routes. `listeners` are those of services too."""
    yield from _unknown_targets(document, names)
    for position, route in enumerate(document.routes):
        for key, message in (*_targets(route), *_paths(route)):
            yield ("routes", position, *key), message
    yield from _over_tcp(document, listeners)
    yield from _twice_routed(document)
    yield from _other_limits_of_one_name(document)
    yield from _claims_of_nobody(document)


def _targets(route: Route) -> Iterator[tuple[tuple[str, ...], str]]:
    named = [key for key in TARGETS if getattr(route, key) is not None]
    if not named:
        yield (), "leads nowhere: name a `service`, `files`, a `redirect` or an `answer`"
    for key in named[1:]:
        yield (key,), f"the route leads to its `{named[0]}` already"
    if route.service is None:
        for key in ("backup", "response_timeout", "strip_prefix", "rewrite"):
            if key in route.model_fields_set:
                yield (key,), "counts only with a `service`"


def _paths(route: Route) -> Iterator[tuple[tuple[str, ...], str]]:
    if route.pattern is not None and "path" in route.model_fields_set:
        yield ("pattern",), "the route has a `path` already; a pattern says the whole path"
    for key in ("strip_prefix", "rewrite"):
        if route.pattern is not None and key in route.model_fields_set:
            yield (key,), "needs a `path`: a pattern has no prefix"
    if route.strip_prefix and route.rewrite is not None:
        yield ("strip_prefix",), "`rewrite` replaces the prefix already"


def _unknown_targets(document: ServicesToml, names: Names) -> Iterator[Complaint]:
    for position, route in enumerate(document.routes):
        if route.listener not in names.listeners:
            hint = did_you_mean(route.listener, names.listeners)
            yield ("routes", position, "listener"), f"no listener `{route.listener}`{hint}"
        for key, name in (("service", route.service), ("backup", route.backup)):
            if name is None:
                continue
            if name not in names.services:
                hint = did_you_mean(name, names.services)
                yield ("routes", position, key), f"no service `{name}`{hint}"
            elif name in document.services and not (
                has_address(document.services[name]) or document.services[name].listen_fds
            ):
                yield ("routes", position, key), f"service `{name}` has no `port` to send to"


def has_address(service: Service) -> bool:
    """Say whether requests can be sent to a service."""
    return service.port is not None or bool(service.remote)


def _over_tcp(
    document: ServicesToml, listeners: Mapping[str | int, Listener]
) -> Iterator[Complaint]:
    """Name what needs a request where there is none, in routes and in services behind listeners."""
    for position, route in enumerate(document.routes):
        if _is_tcp(listeners.get(route.listener)):
            for key in sorted(
                route.model_fields_set - {"listener", "service", "backup", *OVER_TCP}
            ):
                message = f"listener `{route.listener}` is tcp, where there is no {key} to go by"
                yield ("routes", position, key), message
    for name, entry in document.services.items():
        if _is_tcp(entry.listen):
            for key in sorted(entry.model_fields_set & set(Filters.model_fields) - set(OVER_TCP)):
                yield ("services", name, key), "has no meaning for a service behind tcp"


def _is_tcp(listener: Listener | None) -> bool:
    return listener is not None and listener.protocol is Protocol.TCP


def _twice_routed(document: ServicesToml) -> Iterator[Complaint]:
    seen: dict[tuple[Any, ...], str] = {
        (name, None, "", None, frozenset(), frozenset()): f"service `{name}` by its `listen`"
        for name, entry in document.services.items()
        if entry.listen is not None
    }
    for position, route in enumerate(document.routes):
        key = (
            route.listener,
            route.host,
            # A path is a prefix of whole segments, so "/api" and "/api/" are one.
            route.path.rstrip("/"),
            route.pattern,
            frozenset(route.methods),
            frozenset(route.headers.items()),
        )
        if key in seen:
            yield ("routes", position), f"{_requests(route)} go to {seen[key]} already"
        else:
            seen[key] = f"service `{route.service}`" if route.service else "another route"


def _other_limits_of_one_name(document: ServicesToml) -> Iterator[Complaint]:
    entries: list[tuple[KeyPath, Filters]] = [
        *((("services", name), entry) for name, entry in document.services.items()),
        *((("routes", position), route) for position, route in enumerate(document.routes)),
    ]
    seen: dict[str, str] = {}
    for path, entry in entries:
        for limit in entry.limits:
            if limit.name is not None and seen.setdefault(limit.name, limit.what) != limit.what:
                message = f"`{limit.name}` is {seen[limit.name]} elsewhere, and {limit.what} here"
                yield (*path, "limits"), message


def _claims_of_nobody(document: ServicesToml) -> Iterator[Complaint]:
    """Name limits by a claim where nobody proves who he is."""
    ways: list[tuple[KeyPath, Filters, Filters | None]] = [
        *(
            (("services", name), entry, None)
            for name, entry in document.services.items()
            if entry.listen is not None
        ),
        *(
            (("routes", position), route, document.services.get(route.service or ""))
            for position, route in enumerate(document.routes)
        ),
    ]
    for path, own, service in ways:
        entry = Merged(own, service)
        by_claim = any(limit.by.startswith("claim:") for limit in entry.get("limits"))
        if by_claim and not any(entry.get(key) for key in PROOFS):
            message = "a limit by claim needs `jwt`, `basic_auth` or `api_keys` beside it"
            yield (*path, "limits"), message


def _requests(route: Route) -> str:
    where = f"like {route.pattern}" if route.pattern else f"below {route.path}"
    return f"requests for {route.host or 'any host'} {where} of `{route.listener}`"
