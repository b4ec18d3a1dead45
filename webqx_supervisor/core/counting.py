"""What is counted, where in an entry each number stands, and what numbers of several make together.

An entry is a key and NUMBERS whole numbers. Proxies and the daemon each write entries of their own
(net.sheets keeps them); the sum over all is what is true. A number that only says how it is now (a
gauge) ends with the process that wrote it; all others only ever grow.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final
from zlib import crc32

from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.gateway import Route

NUMBERS = 32
"""Of each entry."""
BOUNDS: Final = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0),
)
"""s; up to and with each of them goes a bucket. Those of Prometheus' clients, and some around."""
BUCKETS = len(BOUNDS) + 1
"""The last has what took longer."""
OTHER = "(other)"
"""Stands for all names that there was no room for."""
NONE = "(none)"
"""Stands for the route, and its service, of a request that none leads anywhere."""


class Kind(StrEnum):
    """What an entry is about; the names behind it are what its key says beside that."""

    ROUTE = "route"
    """route, service"""
    ANSWERS = "answers"
    """route, service, class of the status (1 to 5)"""
    ERRORS = "errors"
    """route, service"""
    WORKER = "worker"
    """service, instance; as the proxies see it"""
    QUEUE = "queue"
    """service"""
    LISTENER = "listener"
    """listener"""
    LIFE = "life"
    """service, instance; as the daemon sees it"""


Key = tuple[str, ...]
"""A kind and its names."""
Numbers = Sequence[int]
Entries = Mapping[Key, Numbers]

# Where the numbers stand; times are in whole microseconds. A map outlives a version of the product:
# what is new comes last, and whoever moves anything gives the map another layout (net.sheets).
IN_FLIGHT, RETRIES, SENT, RECEIVED, TCP_CARRIED, TCP_REFUSED = range(6)  # ROUTE
ANSWERED, ANSWERS_MICROS, ANSWERS_BUCKETS = range(3)  # ANSWERS
CLASSES = 5
WORKER_FAILED, WORKER_MICROS, WORKER_BUCKETS = range(CLASSES, CLASSES + 3)  # WORKER, behind CLASSES
WAITING, WAITED_MICROS, WAITED_BUCKETS = range(3)  # QUEUE
OPEN, ACCEPTED, TURNED_AWAY = range(3)  # LISTENER

CUT = 0
"""Stands, among statuses, for an answer that was broken off after its head."""
ERRORS: Final = (
    *(CUT, 400, 401, 403, 404, 405, 406, 408, 411, 413, 414, 415, 416, 417, 421, 422, 429, 431),
    *(499, 500, 501, 502, 503, 504, 505, 508, 511),
)
"""ERRORS: a number for each status that the proxy itself gives; a last one for any other."""
OTHER_STATUS = -1
"""Stands for any other status among them."""

RESTARTS: Final = ("exit", "signal", "oom", "hung", "not_ready", "ended", "reload", "restart")
"""Why a worker was replaced. The first six are causes of a death, see `cause`."""
PROBES: Final = ("ok", "bad", "silent", "spared")
_FIRST_PROBE = len(RESTARTS)
BREAKER_OPENED = _FIRST_PROBE + len(PROBES)  # LIFE: restarts, probes, this

GAUGES: Final[Mapping[str, Collection[int]]] = {
    Kind.ROUTE: (IN_FLIGHT,),
    Kind.QUEUE: (WAITING,),
    Kind.LISTENER: (OPEN,),
}

_SEPARATOR = "\x1f"
_LONGEST = 120
"""Octets of a route's name; all other names are short."""


def encoded(key: Key) -> bytes:
    """Return a key as octets."""
    return _SEPARATOR.join(key).encode("utf-8", "surrogateescape")


def decoded(octets: bytes) -> Key:
    """Return the key that is written so."""
    return tuple(octets.decode("utf-8", "surrogateescape").split(_SEPARATOR))


def overflowing(key: Key) -> Key:
    """Return the key of the entry that takes what there is no room for; classes stay apart."""
    if key[0] == Kind.ANSWERS:
        return (key[0], OTHER, OTHER, *key[3:])
    return (key[0], *(OTHER for _ in key[1:]))


def is_overflow(key: Key) -> bool:
    """Say whether this is such a key."""
    return key[1] == OTHER


def route_key(route: Route) -> tuple[str, str]:
    """Return what a route's requests are counted under; no request can choose that name.

    One without a name is called by what services.toml says of it: listener, host, path, methods.
    Several that say the same of these are one.
    """
    name = route.name
    if not name:
        where = f"{route.host or ''}{route.pattern or route.path}"
        name = " ".join([f"{route.listener}:{where}", *sorted(route.methods)])
    if len(name.encode()) > _LONGEST:  # so that every key fits
        name = f"{name[: _LONGEST // 4]}...{crc32(name.encode()):08x}"
    return name, route.service or NONE


def cause(ended: Exit, verdict: str, *, out_of_memory: bool) -> str:
    """Return the word for the end of a worker; `verdict` is why the daemon ended it, if it did."""
    if out_of_memory:
        return "oom"
    if verdict:
        words = {"hung": "hung", "not ready": "not_ready"}
        return next((word for text, word in words.items() if verdict.startswith(text)), "ended")
    return "exit" if ended.signal is None else "signal"


def restarted(reason: str) -> int:
    """Return the place of a reason for a restart."""
    return RESTARTS.index(reason)


def probed(outcome: str) -> int:
    """Return the place of a probe's outcome."""
    return _FIRST_PROBE + PROBES.index(outcome)


def error(status: int) -> int:
    """Return the place of an error of the proxy."""
    return ERRORS.index(status) if status in ERRORS else len(ERRORS)


def added(one: Entries, other: Entries) -> dict[Key, Numbers]:
    """Return the entries of both, the numbers of those that both have added up."""
    total = dict(one)
    for key, numbers in other.items():
        known = total.get(key)
        total[key] = (
            numbers if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
        )
    return total


def lasting(entries: Entries) -> dict[Key, Numbers]:
    """Return what stays of entries when their writer is gone: all but the gauges."""
    return {
        key: [0 if at in GAUGES.get(key[0], ()) else each for at, each in enumerate(numbers)]
        for key, numbers in entries.items()
    }


def scopes(
    routes: Iterable[tuple[str, str]], services: Iterable[str], listeners: Iterable[str]
) -> set[Key]:
    """Return the scopes of all that these are counted under; a route is given by its route_key."""
    found: set[Key] = {(Kind.ROUTE, NONE, NONE)}
    found |= {(Kind.ROUTE, *names) for names in routes}
    found |= {(Kind.WORKER, name) for name in services}
    return found | {(Kind.LISTENER, name) for name in listeners}


def scope(key: Key) -> Key:
    """Return whose entry it is: that of a route, a service or a listener, as (what, name…)."""
    match key[0]:
        case Kind.ROUTE | Kind.ANSWERS | Kind.ERRORS:
            return (Kind.ROUTE, *key[1:3])
        case Kind.LISTENER:
            return key
        case _:
            return (Kind.WORKER, key[1])
