"""What shall be reachable: listeners, routes, and the policies of the proxy. Times in seconds.

The same values make the table, the one thing that a proxy knows about the world.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Protocol(StrEnum):
    """What is spoken on a listener."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a listener grants its clients. `max_body` 0 means no limit."""

    head_timeout: float = 10.0
    """From the first byte of a request to the end of its head; absolute."""
    idle_timeout: float = 75.0
    """Between requests of a connection, and between bytes of a body."""
    max_head: int = 16 * 1024
    max_body: int = 0


@dataclass(frozen=True, slots=True)
class Listener:
    """A named set of addresses that the proxies accept on, as `host:port` or `[host]:port`."""

    name: str
    binds: tuple[str, ...]
    protocol: Protocol = Protocol.HTTP
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Route:
    """Requests on `listener` for `host` (None: any) under the path prefix go to `service`.

    For a TCP listener `path` is "/" and `host` None: every connection goes to the service.
    """

    listener: str
    service: str
    host: str | None = None
    path: str = "/"
    backup: str | None = None


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How requests are carried to the workers of one service."""

    connect_timeout: float = 2.0
    response_timeout: float = 60.0
    """From the sent request to the head of the answer, and between bytes of its body."""
    tunnel_timeout: float = 3600.0
    """A tunnel (WebSocket, TCP) silent in both directions for this long is closed."""
    upgrade: tuple[str, ...] = ("websocket",)
    """Upgrade tokens that this service speaks."""
    queue_size: int = 1000
    """How many requests may wait for a worker."""
    queue_timeout: float = 30.0


class UpstreamState(StrEnum):
    """Whether new exchanges may go to an upstream; one that is not UP finishes what it has."""

    UP = "up"
    DRAINING = "draining"
    CLOSING = "closing"
    """Draining, with nobody to take over: what has no end of its own is ended now."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A worker as the proxy sees it. `id` is unique among all living workers (see worker_id)."""

    id: str
    host: str
    port: int
    pid: int
    state: UpstreamState = UpstreamState.UP


def worker_id(service: str, instance: int, pid: int) -> str:
    """Name one living worker for tables, logs and journals: `api:1@4711`."""
    return f"{service}:{instance}@{pid}"


@dataclass(frozen=True, slots=True)
class UpstreamGroup:
    """All upstreams of one service.

    `expecting` says that a worker is about to come, so waiting makes sense; when it is false
    and no upstream is up, requests are refused at once with `reason`.
    """

    service: str
    upstreams: tuple[Upstream, ...] = ()
    forwarding: Forwarding = field(default_factory=Forwarding)
    expecting: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One whole version of what the proxies are to do; a later version replaces it whole."""

    version: int
    listeners: tuple[Listener, ...] = ()
    routes: tuple[Route, ...] = ()
    groups: tuple[UpstreamGroup, ...] = ()
