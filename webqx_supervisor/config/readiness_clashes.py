"""What cannot be true at once of how it is learned that workers are there."""

from collections.abc import Iterator, Mapping

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.life import kind
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.readiness import check, checks, means
from webqx_supervisor.config.schema import Service
from webqx_supervisor.core import nodeipc
from webqx_supervisor.model.readiness import ASKED, Means
from webqx_supervisor.model.service import Kind

_ONCE_ONLY = (Means.PORT, Means.NOTIFY, Means.IPC, Means.FD)
"""What can mean one thing alone."""
_FIRST = 3  # SD_LISTEN_FDS_START
_OURS = {
    Means.NOTIFY: ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"),
    Means.IPC: tuple(name for name, _ in nodeipc.ENVIRONMENT),
}


def readiness_clashes(services: Mapping[str, Service]) -> Iterator[Complaint]:
    """Find what is asked twice, or of whom it cannot be asked."""
    for name, entry in services.items():
        place = ("services", name)
        if entry.ready is not None and means(entry.ready) in ASKED and entry.health.path:
            message = "`ready` is asked for life, as this is; wanted one of the two"
            yield (*place, "health", "path"), message
        if entry.remote:
            yield from _of_remote(place, entry)
            continue
        if kind(entry) is Kind.TASK:
            for key in ("startup", "ready", "live"):
                if getattr(entry, key) is not None:
                    yield (*place, key), "a task is never ready: it ends by itself"
            continue
        yield from _of_startup(place, entry)
        yield from _descriptors(place, entry)
        yield from _needs_of_a_port(place, entry)
        yield from _environment(place, entry)


def _of_startup(place: KeyPath, entry: Service) -> Iterator[Complaint]:
    if entry.startup is None:
        return
    if "fall" in entry.startup.model_fields_set:
        message = "however often it fails, a start may take `health.start_timeout`"
        yield (*place, "startup", "fall"), message
    if entry.ready is None:
        return
    startup, ready = check(entry.startup), check(entry.ready)
    if means(entry.startup) is means(entry.ready) and (
        startup == ready or means(entry.ready) in _ONCE_ONLY
    ):
        yield (*place, "ready"), f"`startup` waits for `{means(entry.startup)}` already"


def _descriptors(place: KeyPath, entry: Service) -> Iterator[Complaint]:
    """Find numbers that a worker would have to see two things under."""
    sockets = len(entry.listen.bind) if entry.listen_fds and entry.listen is not None else 0
    taken = dict.fromkeys(range(_FIRST, _FIRST + sockets), "a socket of `listen_fds`")
    said = checks(entry)
    if said.awaits(Means.IPC) or entry.stop.shutdown_with_message:
        if nodeipc.NUMBER in taken:
            message = f"descriptor {nodeipc.NUMBER} would be one of them and Node's IPC channel"
            yield (*place, "listen_fds"), message
        taken[nodeipc.NUMBER] = "Node's IPC channel"
    for key, sign in (("startup", entry.startup), ("ready", entry.ready)):
        if sign is not None and sign.fd in taken:
            yield (*place, key, "fd"), f"descriptor {sign.fd} is {taken[sign.fd]}"


def _of_remote(place: KeyPath, entry: Service) -> Iterator[Complaint]:
    for key in ("startup", "live", "watchdog", "notify_access"):
        if key in entry.model_fields_set:
            yield (*place, key), "has no meaning for a service that is `remote`"
    if entry.ready is not None and means(entry.ready) not in (Means.HTTP, Means.TCP):
        yield (*place, "ready"), "what is `remote` can only be asked over `http` or `tcp`"


def _needs_of_a_port(place: KeyPath, entry: Service) -> Iterator[Complaint]:
    if entry.port is not None:
        return
    for key in ("startup", "ready", "live"):
        found = check(getattr(entry, key))
        own = (Means.PORT, Means.HTTP, Means.TCP)
        if found is not None and found.port is None and found.means in own:
            yield (*place, key), "needs a `port` to ask the workers on"


def _environment(place: KeyPath, entry: Service) -> Iterator[Complaint]:
    said = checks(entry)
    used = [Means.NOTIFY] if said.notify is not None else []
    if said.awaits(Means.IPC) or entry.stop.shutdown_with_message:
        used.append(Means.IPC)
    for name in (name for each in used for name in _OURS[each] if name in entry.env):
        yield (*place, "env", name), "is set by webqx-sv itself for this service"
