"""What is wrong between the entries of services.toml, each of which is right by itself."""

from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import combinations

from webqx_supervisor.config.addresses import collide, port_of
from webqx_supervisor.config.alerts import alert_clashes
from webqx_supervisor.config.belonging_clashes import belonging_clashes
from webqx_supervisor.config.clients import distrust
from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.handed_clashes import handed_clashes
from webqx_supervisor.config.life_clashes import life_clashes
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.phrases import did_you_mean
from webqx_supervisor.config.quota_clashes import quota_clashes
from webqx_supervisor.config.readiness_clashes import readiness_clashes
from webqx_supervisor.config.remote_clashes import remote_clashes
from webqx_supervisor.config.route_clashes import Names, route_clashes
from webqx_supervisor.config.scaling import most_of
from webqx_supervisor.config.scaling_clashes import scaling_clashes
from webqx_supervisor.config.schema import Listener, Service, ServicesToml
from webqx_supervisor.model.gateway import Policy, Protocol


def clashes(document: ServicesToml, names: Names, cpus: int) -> Iterator[Complaint]:
    """Find what cannot be true at once. Routes are counted as they stand in `document`."""
    spans = {
        name: range(entry.port, entry.port + most)
        for name, entry in document.services.items()
        if entry.port is not None and (most := most_of(entry, entry.instances, cpus))
    }
    listeners = _listeners(document)
    yield from remote_clashes(document.services)
    yield from _secrets(document.services)
    yield from handed_clashes(document)
    yield from _needs_of_a_port(document.services)
    yield from _ports(spans)
    yield from _addresses(_binds(document, listeners), spans)
    yield from _distrust(listeners)
    yield from _twice_named(document)
    yield from _dependencies(document.services, names.services)
    yield from life_clashes(document.services)
    yield from readiness_clashes(document.services)
    yield from quota_clashes(document.services)
    yield from belonging_clashes(document.services, names.services)
    yield from alert_clashes(document.alerts, _groups(document.services, names.services))
    yield from scaling_clashes(document, cpus)
    yield from route_clashes(document, names, {path[1]: entry for path, entry in listeners})
    yield from _balances(document, {path[1]: entry for path, entry in listeners})


def _groups(
    services: Mapping[str, Service], known: Collection[str]
) -> Mapping[str, Collection[str]]:
    """Return the groups of each service that is written down, right or wrong."""
    return {name: services[name].group if name in services else () for name in known}


def _listeners(document: ServicesToml) -> list[tuple[KeyPath, Listener]]:
    """Return all listeners, those of services first, by the key their addresses stand at."""
    own: list[tuple[KeyPath, Listener]] = [
        (("services", name, "listen"), entry.listen)
        for name, entry in document.services.items()
        if entry.listen is not None
    ]
    return own + [
        (("listeners", name, "bind"), entry) for name, entry in document.listeners.items()
    ]


def _secrets(services: Mapping[str, Service]) -> Iterator[Complaint]:
    """Find what is both a secret and none; a chosen environment may well say it in its stead."""
    for name, entry in services.items():
        for variable in entry.secrets:
            if isinstance(entry.env.get(variable), str):
                yield ("services", name, "secrets", variable), "`env` has this name already"


def _needs_of_a_port(services: Mapping[str, Service]) -> Iterator[Complaint]:
    for name, entry in services.items():
        if entry.port is not None or entry.remote or entry.listen_fds:
            continue
        if entry.listen is not None:
            yield ("services", name, "listen"), "needs a `port` for the workers"
        if entry.health.path is not None:
            yield ("services", name, "health", "path"), "needs a `port` to ask the workers on"


def _ports(spans: Mapping[str, range]) -> Iterator[Complaint]:
    for name, span in spans.items():
        if span.stop > 65536:
            count = span.stop - span.start
            message = f"{count} workers from port {span.start} up go beyond port 65535"
            yield ("services", name, "port"), message
    for (name, span), (other, others) in combinations(spans.items(), 2):
        if span.start < others.stop and others.start < span.stop:
            mine, theirs = _ports_text(others), _ports_text(span)
            yield ("services", other, "port"), f"{mine} overlaps {theirs} of service `{name}`"


def _ports_text(span: range) -> str:
    return f"{span.start}-{span.stop - 1}" if span.stop - span.start > 1 else str(span.start)


def _binds(
    document: ServicesToml, listeners: list[tuple[KeyPath, Listener]]
) -> list[tuple[KeyPath, str]]:
    """Return every address that is listened on, by the key it stands at."""
    binds = [(path, bind) for path, entry in listeners for bind in entry.bind]
    parts = {"metrics": document.daemon.metrics, "dashboard": document.daemon.dashboard}
    for name, part in parts.items():
        if part is not None and part.bind is not None:
            binds.append((("daemon", name, "bind"), part.bind))
    return binds


def _addresses(binds: list[tuple[KeyPath, str]], spans: Mapping[str, range]) -> Iterator[Complaint]:
    for path, bind in binds:
        for name, span in spans.items():
            if port_of(bind) in span:
                yield (
                    path,
                    f"port {port_of(bind)} is one of {_ports_text(span)} of service `{name}`",
                )
    for (holder, taken), (path, bind) in combinations(binds, 2):
        if collide(taken, bind):
            where = "the same list" if holder == path else f"{holder[0]}.{holder[1]}"
            yield path, f"{bind} collides with {taken} of {where}"


def _distrust(listeners: list[tuple[KeyPath, Listener]]) -> Iterator[Complaint]:
    for path, entry in listeners:
        # A listener's path ends at its addresses, a service's at its whole listener.
        place = path if path[0] == "services" else path[:-1]
        for key, message in distrust(entry, tcp=entry.protocol is Protocol.TCP):
            yield (*place, key), message


def _twice_named(document: ServicesToml) -> Iterator[Complaint]:
    for name in document.listeners:
        if name in document.services and document.services[name].listen is not None:
            yield ("listeners", name), f"the `listen` of service `{name}` has this name"


def _dependencies(services: Mapping[str, Service], known: Collection[str]) -> Iterator[Complaint]:
    for name, entry in services.items():
        for other in entry.depends_on:
            if other not in known:
                message = f"no such service{did_you_mean(other, known)}"
                yield ("services", name, "depends_on", other), message
    graph = {name: set(entry.depends_on) & set(services) for name, entry in services.items()}
    while cycle := _cycle(graph):
        yield ("services", cycle[0], "depends_on"), f"goes round: {' -> '.join(cycle)}"
        graph = {
            name: needed.difference(cycle) for name, needed in graph.items() if name not in cycle
        }


def _cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return names of which each needs the next, the first again at the end; or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring = error.args[1][:0:-1]  # it comes from the needed to the needing, closed
        first = min(range(len(ring)), key=lambda at: list(graph).index(ring[at]))
        return [*ring[first:], *ring[:first], ring[first]]
    return []


def _balances(
    document: ServicesToml, listeners: Mapping[str | int, Listener]
) -> Iterator[Complaint]:
    by_tcp = _listeners_by_tcp(document, listeners)
    for name, entry in document.services.items():
        balance, place = entry.balance, ("services", name, "balance")
        hashes = balance.policy is Policy.HASH
        if "hash_by" in balance.model_fields_set and not hashes:
            yield (*place, "hash_by"), 'counts only with `policy = "hash"`'
        if balance.slow_start and hashes:
            message = "has no meaning for a hash: the same clients would change workers again"
            yield (*place, "slow_start"), message
        for key, needed in (
            ("sticky", balance.sticky is not None),
            ("hash_by", hashes and balance.hash_by != "client_ip"),
        ):
            if needed and name in by_tcp:
                message = f"listener `{by_tcp[name]}` is tcp, where there are no fields to go by"
                yield (*place, key), message


def _listeners_by_tcp(
    document: ServicesToml, listeners: Mapping[str | int, Listener]
) -> dict[str, str]:
    """Return a tcp listener of each service that has one."""
    routes = [(route.listener, route.service, route.backup) for route in document.routes]
    routes += [(name, name, None) for name, entry in document.services.items() if entry.listen]
    return {
        service: name
        for name, *services in routes
        for service in services
        if service is not None and name in listeners and listeners[name].protocol is Protocol.TCP
    }
