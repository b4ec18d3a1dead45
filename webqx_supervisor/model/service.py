"""What a service shall be: the part of services.toml that supervision reads. Times in seconds."""

from dataclasses import dataclass, field
from enum import StrEnum

from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.history import Slo
from webqx_supervisor.model.quota import Privileges, Quota
from webqx_supervisor.model.readiness import Readiness


@dataclass(frozen=True, slots=True)
class Health:
    """When a worker counts as ready and as well.

    Without a path a worker is ready when its port accepts. With a path it is asked over HTTP,
    every `interval`, all its life. Either way its traffic tells whether it hangs (core.hang).
    """

    path: str | None = None
    interval: float = 5.0
    timeout: float = 2.0
    rise: int = 1
    fall: int = 3
    start_timeout: float = 60.0
    """A worker that is not ready this long after its start has failed to start."""
    patience: float = 60.0
    """How long a worker that answers no probe is spared while it visibly works."""
    hang_timeout: float = 30.0
    """For which requests may wait without an octet of an answer while others of the service
    answer; 0: for ever."""
    dump_signal: str | None = None
    """Sent to a worker that hangs before it is stopped, so that it says in its log where."""


@dataclass(frozen=True, slots=True)
class Stop:
    """How a worker is asked to leave: drain, then the signal, then after `grace` SIGKILL."""

    signal: str = "SIGTERM"
    drain: float = 30.0
    grace: float = 10.0
    shutdown_with_message: bool = False
    """Over Node's IPC channel comes `"shutdown"`, in place of the signal."""


class Again(StrEnum):
    """After which ends a worker is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Kind(StrEnum):
    """What a service lives for: to be there, or to come to an end."""

    SERVICE = "service"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """What follows an exit. The first restart after a healthy time is immediate."""

    first_delay: float = 0.2
    longest_delay: float = 30.0
    healthy_after: float = 10.0
    """An uptime from which the backoff begins anew."""
    limit: int = 10
    """More exits than this within `window` make the worker FATAL."""
    window: float = 60.0
    retry_fatal: float = 60.0
    """A FATAL worker is tried again after this."""
    quarantine: int = 3
    """A request over which so many workers in a row have died is refused; 0: none ever is."""
    policy: Again = Again.ALWAYS
    success_codes: tuple[int, ...] = (0,)
    """Exit codes that are no failure. A death by a signal always is one."""
    never_codes: tuple[int, ...] = ()
    """Exit codes after which it is not started again, whatever `policy` says."""


class Overlap(StrEnum):
    """What is done at a job's time when its run before has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a task is run: a cron expression, "" for once, in a time zone by its IANA name."""

    cron: str = ""
    time_zone: str = "UTC"
    overlap: Overlap = Overlap.SKIP


@dataclass(frozen=True, slots=True)
class Hooks:
    """Commands that run beside each worker; empty: none. Each may take `timeout` s."""

    before_start: tuple[str, ...] = ()
    after_ready: tuple[str, ...] = ()
    before_stop: tuple[str, ...] = ()
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Files and folders whose changes reload a service, by absolute paths; none: it does not.

    A change counts once nothing else has changed for `debounce` s.
    """

    paths: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    debounce: float = 0.3


@dataclass(frozen=True, slots=True)
class Rolling:
    """When workers are replaced by fresh ones while all goes well; "" and 0: never."""

    cron: str = ""
    time_zone: str = "UTC"
    max_age: float = 0.0
    max_requests: int = 0


class LogStreams(StrEnum):
    """Whether stdout and stderr share a log."""

    MERGED = "merged"
    APART = "apart"


class LogOutput(StrEnum):
    """What takes the lines, and in which form."""

    FILE = "file"
    JSON = "json"
    JOURNALD = "journald"


class LogFormat(StrEnum):
    """In which form the worker itself writes its lines."""

    TEXT = "text"
    JSON = "json"
    LOGFMT = "logfmt"


@dataclass(frozen=True, slots=True)
class Logs:
    """Where a worker's output goes: `max_size` bytes a file, `keep` old files beside it."""

    max_size: int = 50 * 1024 * 1024
    keep: int = 5
    streams: LogStreams = LogStreams.MERGED
    output: LogOutput = LogOutput.FILE
    format: LogFormat = LogFormat.TEXT
    max_age: float = 0.0
    """A file holds lines of one such span of Unix time (a day: of one day of UTC); 0: of any."""
    compress: bool = False
    keep_for: float = 0.0
    """Old files written last so long ago are removed; 0: none for its age."""


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of [services]. `port` is the first of the sequential ports; None: no port."""

    name: str
    command: tuple[str, ...]
    cwd: str
    instances: int = 1
    port: int | None = None
    env: tuple[tuple[str, str], ...] = ()
    env_inherit: tuple[str, ...] = ("*",)
    """Names and patterns of what is passed on of the daemon's own environment."""
    secrets: tuple[tuple[str, str], ...] = ()
    """(variable, place) pairs: `file:` and an absolute path, `cred:NAME`, `env:NAME`."""
    listen_fds: tuple[str, ...] = ()
    """The addresses whose listening sockets the workers get, in the order of descriptors."""
    health: Health = field(default_factory=Health)
    stop: Stop = field(default_factory=Stop)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    logs: Logs = field(default_factory=Logs)
    depends_on: tuple[tuple[str, str], ...] = ()
    """(service, condition) pairs; condition is started, ready, healthy or completed."""
    restart_with: tuple[str, ...] = ()
    """Those of them that take this service along when they begin anew."""
    remote: tuple[str, ...] = ()
    """Where it runs instead, `host:port` each: an instance for each, and no command."""
    kind: Kind = Kind.SERVICE
    schedule: Schedule = field(default_factory=Schedule)
    rolling: Rolling = field(default_factory=Rolling)
    hooks: Hooks = field(default_factory=Hooks)
    watch: Watch = field(default_factory=Watch)
    readiness: Readiness = field(default_factory=Readiness)
    quota: Quota = field(default_factory=Quota)
    privileges: Privileges = field(default_factory=Privileges)
    groups: tuple[str, ...] = ()
    """Labels by which commands mean it together with others."""
    profiles: tuple[str, ...] = ()
    """If there are any, it is started only by name or while one of them is active."""
    terminal: bool = False
    """Whether each worker has a terminal instead of pipes and an empty input."""
    autoscale: Autoscale | None = None
    """Between which numbers the load decides; `instances` is only how many there are first."""
    slo: Slo = field(default_factory=Slo)

    @property
    def most(self) -> int:
        """How many workers there may be without being asked for."""
        return max(self.instances, self.autoscale.max) if self.autoscale else self.instances
