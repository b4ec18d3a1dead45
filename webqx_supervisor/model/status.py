"""What is seen. Field names are the contract of `status --json`: keys are added, never renamed."""

from dataclasses import dataclass
from enum import StrEnum

from webqx_supervisor.model.gateway import Pause
from webqx_supervisor.model.history import Point, Served
from webqx_supervisor.model.resilience import BreakerState


class WorkerState(StrEnum):
    """The states of a worker; core.lifecycle holds the moves between them."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    STOPPING = "STOPPING"
    BACKOFF = "BACKOFF"
    EXITED = "EXITED"
    FATAL = "FATAL"


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker now. `pid`, `port`: None where there is none.

    `reason` says why it is down, or what it waits for while it starts.
    """

    instance: int
    pid: int | None
    port: int | None
    state: WorkerState
    healthy: bool
    restarts: int
    uptime_s: float
    cpu_percent: float
    rss_bytes: int
    in_flight: int
    requests: int
    reason: str = ""
    breaker: BreakerState | None = None
    """The most open of the proxies' breakers; None where the service has none."""
    remote: str | None = None
    """Where it is, if that is another machine; it has no pid then."""
    exit_code: int | None = None
    """Of one that is EXITED, unless a signal killed it."""
    status_text: str = ""
    """What it says of itself by STATUS= of sd_notify(3)."""
    processes: int = 0
    """Those of its whole tree, as are CPU, memory and threads."""
    threads: int = 0
    latest: Served | None = None
    """What it answered in the last 10 s; None before that is known, or where it answers none."""


@dataclass(frozen=True, slots=True)
class AutoscaleStatus:
    """Between which numbers the load decides, and what it has decided last.

    `decided`: "" before the first decision of this daemon; `decided_at`: Unix time in seconds.
    """

    min: int
    max: int
    decided: str = ""
    decided_at: float | None = None
    held: str = ""
    """Why there are fewer workers than the load asks for: the memory has no room."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service now. `state` is the word for the whole: see core.lifecycle (summary, ASLEEP)."""

    name: str
    state: str
    instances: int
    workers: tuple[WorkerStatus, ...]
    listen: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    inactive: bool = False
    """It is down because none of its profiles is active."""
    autoscale: AutoscaleStatus | None = None
    latest: Point | None = None
    """What it did in the last 10 s; None before that is known."""
    well: bool = True
    """It is as it is to be, which may be down: stopped by hand, asleep, done."""


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The daemon itself."""

    pid: int
    version: str
    uptime_s: float
    name: str
    file: str
    keeper_pid: int | None = None
    profiles: tuple[str, ...] = ()
    """Those that are active."""
    environment: str = ""
    """The tables of `env` in force."""


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """One proxy process; `requests` counts answers since its start."""

    pid: int
    connections: int
    requests: int
    uptime_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """The whole answer of `status --json`."""

    daemon: DaemonStatus
    proxies: tuple[ProxyStatus, ...]
    services: tuple[ServiceStatus, ...]
    paused: tuple[Pause, ...] = ()
    """What of it a person has paused."""
