"""What daemon and proxy say to each other over the link; each message is one frozen value."""

from dataclasses import dataclass

from webqx_supervisor.model.gateway import Table


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
class Leave:
    """daemon -> proxy: accept nothing new, finish what is in flight within `timeout` s, exit."""

    timeout: float


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


@dataclass(frozen=True, slots=True)
class Report:
    """proxy -> daemon: the figures, when asked."""

    ticket: int
    pid: int
    connections: int
    requests: int
    counts: tuple[Count, ...]


Message = TableMessage | Share | Leave | Ask | Applied | Idle | Silent | Report
