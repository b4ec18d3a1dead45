"""What shall be reachable: listeners, routes, and the policies of the proxy. Times in seconds.

The same values make the table, the one thing that a proxy knows about the world.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from webqx_supervisor.model.accesslog import AccessLog
from webqx_supervisor.model.auth import Credentials
from webqx_supervisor.model.clients import Trust
from webqx_supervisor.model.filters import Filters, Pairs
from webqx_supervisor.model.resilience import Breaker
from webqx_supervisor.model.tracing import Recording


class Protocol(StrEnum):
    """What is spoken on a listener."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a listener grants its clients. A limit of 0 is none."""

    head_timeout: float = 10.0
    """From the first byte of a request to the end of its head; absolute."""
    idle_timeout: float = 75.0
    """Between requests of a connection, and between bytes of a body."""
    write_timeout: float = 30.0
    """For which a client may take nothing of its answer."""
    min_body_rate: int = 500
    """Octets per second of a body, averaged over the time that is spent waiting for the client."""
    max_head: int = 16 * 1024
    max_body: int = 0
    max_connections: int = 20_000
    """Of all proxies together in the configuration; a table tells each proxy its share."""
    max_connections_per_client: int = 0
    """From one address (IPv6: one /64), at each proxy."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A named set of addresses that the proxies accept on, as `host:port` or `[host]:port`."""

    name: str
    binds: tuple[str, ...]
    protocol: Protocol = Protocol.HTTP
    limits: Limits = field(default_factory=Limits)
    trust: Trust = field(default_factory=Trust)
    handed: bool = False
    """The workers of the service of that name accept there themselves; no proxy does."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where requests are sent instead; `to` may hold {host}, {path} and {query}."""

    to: str
    status: int = 308


@dataclass(frozen=True, slots=True)
class FixedAnswer:
    """An answer that is always the same; `body` is text."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Files:
    """A folder whose files are served; what `path` of the route names is no part of their names."""

    folder: str
    """Absolute."""
    index: tuple[str, ...] = ("index.html",)
    """Names that answer for a folder; the first that is there does."""
    fallback: str = ""
    """The file, seen from the folder, that answers for pages that are not there; empty: none."""
    cache: Pairs = (("*", "no-cache"),)
    """What Cache-Control says by pattern; which one counts, see core.folders."""
    precompressed: bool = True
    """FILE.br, FILE.zst or FILE.gz goes to clients that take it."""
    hidden: bool = False
    """Names that begin with a dot are served too."""
    listing: bool = False
    """A folder without index is answered with a list of what is in it."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What becomes of the requests for a route, or all routes to a service, of this name."""

    name: str
    hold: float = 0.0
    """s for which a request waits for the end of the pause; 0: it is answered at once."""
    retry_after: float = 30.0
    """s after which clients are told to come again."""
    reason: str = ""
    """For the client; empty: that it is paused."""


@dataclass(frozen=True, slots=True)
class Route:
    """Requests on `listener` for `host` (None: any) under the path prefix go to `service`.

    A host `*.example.com` is any below it. With a `pattern` the whole path must look like that:
    `*` is anything within a segment, `**` at the end anything at all; `path` says nothing then.
    `methods` and `headers` (name and value, `*` for any) must fit as well; empty: any do.

    Without a service, `files`, `redirect` or `answer` says what becomes of the requests.
    For a TCP listener `path` is "/" and `host` None: every connection goes to the service.
    """

    listener: str
    service: str = ""
    host: str | None = None
    path: str = "/"
    backup: str | None = None
    pattern: str = ""
    methods: tuple[str, ...] = ()
    headers: Pairs = ()
    strip_prefix: bool = False
    """The worker sees the path without the prefix (of `path`)."""
    rewrite: str | None = None
    """The prefix (of `path`) is replaced by this before the worker sees it."""
    response_timeout: float = 0.0
    """s that stand for those of the service's Forwarding; 0: it says it all."""
    redirect: Redirect | None = None
    answer: FixedAnswer | None = None
    files: Files | None = None
    filters: Filters = field(default_factory=Filters)
    name: str = ""
    """What a person calls it, to pause it."""
    pause: Pause | None = None


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
    keepalive: float = 4.0
    """For which an idle connection to a worker is kept: less than any common worker keeps it."""
    max_idle: int = 256
    """Idle connections that a proxy keeps to one worker."""
    max_in_flight: int = 0
    """How many requests a worker may have at once, over all proxies; 0 means no limit."""


class Policy(StrEnum):
    """Who of several workers gets the next request."""

    ROUND_ROBIN = "round_robin"
    LEAST_CONNECTIONS = "least_connections"
    TWO_CHOICES = "two_choices"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Balance:
    """How the requests of one service are shared among its workers."""

    policy: Policy = Policy.ROUND_ROBIN
    hash_by: str = "client_ip"
    """What HASH goes by: `client_ip`, `header:NAME` or `cookie:NAME`."""
    sticky: str = ""
    """The cookie that leads a client back to the worker it had; empty: none is set."""
    slow_start: float = 0.0
    """For so long the share of a new worker grows to its full size."""
    weights: tuple[tuple[int, int], ...] = ()
    """(instance, weight) pairs; the weight of all others is 1."""
    backup: tuple[int, ...] = ()
    """Instances that get requests only while no other one is up."""


class UpstreamState(StrEnum):
    """Whether new exchanges may go to an upstream; one that is not UP finishes what it has."""

    UP = "up"
    DRAINING = "draining"
    ENDING = "ending"
    """Draining beyond its deadline: what has no end of its own is ended, others take over."""
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
    weight: int = 1
    backup: bool = False
    ready_at: float = 0.0
    """The time of this boot's monotonic clock at which it became ready; 0: long ago."""
    slot: int = -1
    """Where all proxies count what it has in flight, see net.tally; -1: each for itself."""
    remote: bool = False
    """It is on another machine, so this kernel knows nothing of what it has read."""


def worker_id(service: str, instance: int, pid: int) -> str:
    """Name one living worker for tables, logs and journals: `api:1@4711`."""
    return f"{service}:{instance}@{pid}"


def remote_id(service: str, instance: int, host: str, port: int) -> str:
    """Name one address of a remote service in the same way: `standby:1@10.0.0.7:3001`."""
    return f"{service}:{instance}@{host}:{port}"


def split_address(address: str) -> tuple[str, int]:
    """Return host, without brackets, and port of `host:port` or `[host]:port`."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def read_worker_id(upstream: str) -> tuple[str, int, int | None]:
    """Return service, instance and pid from such a name; None: it is no process."""
    service, _, rest = upstream.partition(":")
    instance, _, pid = rest.partition("@")
    return service, int(instance), int(pid) if pid.isdecimal() else None


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
    balance: Balance = field(default_factory=Balance)
    slot: int = -1
    """Where all proxies note who waits for a worker of this service; -1: each for itself."""
    suspects: tuple[str, ...] = ()
    """Fingerprints of requests over which a worker may have died: the first answer is told."""
    quarantined: tuple[str, ...] = ()
    """Fingerprints of requests that are refused: worker after worker has died over them."""
    hang_timeout: float = 0.0
    """A worker silent for so long while requests wait for it is reported; 0: none is."""
    breaker: Breaker | None = None
    """Each proxy keeps one such breaker for each of the upstreams; None: none."""
    autoscaled: bool = False
    """The daemon is to hear of it when requests wait for a worker."""
    asleep: bool = False
    """There is no worker because nobody has asked for one: whoever does wakes it by waiting."""


@dataclass(frozen=True, slots=True)
class Table:
    """One whole version of what the proxies are to do; a later version replaces it whole."""

    version: int
    listeners: tuple[Listener, ...] = ()
    routes: tuple[Route, ...] = ()
    groups: tuple[UpstreamGroup, ...] = ()
    credentials: tuple[Credentials, ...] = ()
    """What the sources hold that the routes name; apart, so that a new key makes no new route."""
    access_log: AccessLog = field(default_factory=AccessLog)
    recording: Recording | None = None
    """Of spans; None: none are recorded."""
