"""What daemon and proxy say to each other over the link; each message is one frozen value."""

from dataclasses import dataclass

from webqx_supervisor.model.auth import Source
from webqx_supervisor.model.clients import Introduction
from webqx_supervisor.model.evidence import LostRequest
from webqx_supervisor.model.gateway import Table
from webqx_supervisor.model.resilience import BreakerState


@dataclass(frozen=True, slots=True)
class TableMessage:
    """daemon -> proxy: the new table.

    `sockets` names the listening sockets that come with the message as file descriptors, as
    (listener, bind) pairs in the same order. Only sockets that the proxy does not have yet are
    sent; those it has and the table no longer names it closes.
    """

    table: Table
    sockets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """daemon -> proxy: from the next table on, count in this row of the map that all proxies share.

    The map (net.tally) comes with the message, as its only file descriptor.
    """

    row: int


@dataclass(frozen=True, slots=True)
class ShareRates:
    """daemon -> proxy: count for rate limits in the table that all proxies share.

    The table (net.rates) comes with the message, as its only file descriptor.
    """


@dataclass(frozen=True, slots=True)
class CountIn:
    """daemon -> proxy: write what is counted for the metrics into this sheet of the map.

    The map (net.sheets) comes with the message, as its only file descriptor.
    """

    sheet: int


@dataclass(frozen=True, slots=True)
class Leave:
    """daemon -> proxy: accept nothing new, finish what is in flight within `timeout` s, exit.

    With an `heir`, whose end of a socket pair comes along as file descriptor, no connection is
    closed between two requests: the heir gets it.
    """

    timeout: float
    heir: bool = False
    code: int = 1012
    """What the Close frames of its WebSockets say (RFC 6455 section 7.4.1)."""


@dataclass(frozen=True, slots=True)
class Inherit:
    """daemon -> proxy: the other end of the socket that comes along is a proxy that leaves."""


@dataclass(frozen=True, slots=True)
class HandedClient:
    """A connection between two requests; `ahead` is what has been read of the next, as latin-1."""

    listener: str
    ip: str
    ahead: str = ""
    introduction: Introduction = Introduction.DONE


@dataclass(frozen=True, slots=True)
class HandedClients:
    """proxy -> its heir: the connections that come along, a descriptor for each, are yours."""

    clients: tuple[HandedClient, ...]


@dataclass(frozen=True, slots=True)
class HandedTunnel:
    """proxy -> its heir: the tunnel between the two connections that come along is yours.

    They are the client's and the worker's; nothing is on its way in between. `frames` tells where a
    WebSocket's frames stand, up and down: octets left of the payload, what there is of a header
    (latin-1), whether a Close has passed.
    """

    listener: str
    ip: str
    upstream: str
    service: str
    method: str
    target: str
    seconds: float = 0.0
    frames: tuple[tuple[int, str, bool], ...] = ()
    asked_by: str = ""
    """Whom the log names, if not `ip`."""
    counted_as: tuple[str, str] = ("", "")
    """The route's key among the meters; empty: of one that does not say."""


@dataclass(frozen=True, slots=True)
class HandedStream:
    """proxy -> its heir: the event stream to the first connection that comes along is yours.

    The second is the worker's; nothing is on its way in between. Octets are written as latin-1.
    """

    listener: str
    ip: str
    asked_by: str
    """Whom the log names."""
    upstream: str
    service: str
    method: str
    target: str
    host: str
    length: int
    """Of the request's body, as its head said."""
    minor: int
    """The client's version of HTTP/1: whether it gets chunks."""
    status: int
    keep: bool
    """The client's connection is good for another request after this."""
    reusable: bool
    """So is the worker's."""
    seconds: float
    """For so long the worker may be silent."""
    chunks: tuple[str, str, int, int, int] | None
    """Where the worker's chunks stand (core.wire.framing); None: it ends with its connection."""
    ahead: str = ""
    """What has been read of the client's next request."""
    introduction: Introduction = Introduction.DONE
    counted_as: tuple[str, str] = ("", "")
    """The route's key among the meters; empty: of one that does not say."""


HandedEndless = HandedTunnel | HandedStream


@dataclass(frozen=True, slots=True)
class Inherited:
    """proxy -> the one it inherits from: one more without an end, in their order, counts here."""


@dataclass(frozen=True, slots=True)
class Busy:
    """proxy -> daemon: these draining upstreams have something in flight here, after all."""

    upstreams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """daemon -> proxy: send a Report now; `ticket` comes back in it."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Applied:
    """proxy -> daemon: this version of the table is in force; no new exchange uses an older one."""

    version: int


@dataclass(frozen=True, slots=True)
class Idle:
    """proxy -> daemon: these draining upstreams have nothing in flight here (any more)."""

    upstreams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silent:
    """proxy -> daemon: these upstreams have been silent for their group's `hang_timeout`.

    Said again and again while it is so: a daemon that is new, or did not act on it, hears of it.
    """

    upstreams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Traffic of one upstream in one proxy: now in flight, answered since the proxy's start."""

    upstream: str
    in_flight: int
    answered: int
    waiting: int = 0
    """Requests that the worker has whole and of whose answers not even the head has come."""
    silent_for: float = 0.0
    """s for which it has given no octet of any answer while requests waited; 0: none waits."""
    heard_at: float | None = None
    """When the last octet of an answer came, on the monotonic clock of this boot; 0: never.

    None: the proxy is of a version that does not say.
    """
    held: bool = False
    """A slow client may be what keeps it from answering others: nobody can say that it hangs."""
    breaker: BreakerState | None = None
    """That of this proxy; None: it has none."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Requests that wait in one proxy for a worker of a service; the oldest for `waited` s."""

    service: str
    waiting: int
    waited: float


@dataclass(frozen=True, slots=True)
class Queued:
    """proxy -> daemon: requests wait for a worker of these services, which scale by their load.

    Said again and again while it is so: a daemon that is new, or did not act on it, hears of it.
    """

    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """proxy -> daemon: the figures, when asked."""

    ticket: int
    pid: int
    connections: int
    requests: int
    counts: tuple[Count, ...]
    queues: tuple[Queue, ...] = ()
    """Of the services that anything waits for."""


@dataclass(frozen=True, slots=True)
class Lost:
    """proxy -> daemon: this upstream broke off with the request in flight; it may have died."""

    upstream: str
    request: LostRequest


@dataclass(frozen=True, slots=True)
class Survived:
    """proxy -> daemon: a suspect request (by its fingerprint) got an answer."""

    service: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class BreakerMoved:
    """proxy -> daemon: this proxy's breaker of an upstream is in this state from now on."""

    upstream: str
    state: BreakerState
    reason: str


@dataclass(frozen=True, slots=True)
class KeyMissing:
    """proxy -> daemon: a token names a key that this source did not have; it may have by now."""

    source: Source


Message = (
    TableMessage
    | Share
    | ShareRates
    | CountIn
    | Leave
    | Inherit
    | HandedClients
    | HandedTunnel
    | HandedStream
    | Inherited
    | Busy
    | Ask
    | Applied
    | Idle
    | Report
    | Silent
    | Lost
    | Survived
    | BreakerMoved
    | KeyMissing
    | Queued
)
