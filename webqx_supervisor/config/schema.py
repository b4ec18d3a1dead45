"""Every key of services.toml, once: its name, its type, its default and one sentence.

Names and defaults of the inner tables are those of the model's values, which they become. No
rule here looks at a second entry of the file, or at the machine.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from webqx_supervisor.config import fields, resilience_fields, units
from webqx_supervisor.config.access_log import AccessLog, AccessLogKey
from webqx_supervisor.config.alerts import Alerts
from webqx_supervisor.config.audit import Audit
from webqx_supervisor.config.belonging import Belonging
from webqx_supervisor.config.clients import Trust
from webqx_supervisor.config.dashboard import Dashboard, dashboard_table
from webqx_supervisor.config.environment import Environment
from webqx_supervisor.config.filters import Filters
from webqx_supervisor.config.forwarding import Balance, Forward
from webqx_supervisor.config.handed import HandedSockets
from webqx_supervisor.config.kinds import (
    AddressText,
    Binds,
    Capacity,
    Command,
    Count,
    Duration,
    MaxText,
    Name,
    Port,
    Positive,
    Section,
    Size,
    Text,
    Timeout,
)
from webqx_supervisor.config.life import Life
from webqx_supervisor.config.metrics import Measured
from webqx_supervisor.config.objectives import Objectives
from webqx_supervisor.config.on_terminal import OnTerminal
from webqx_supervisor.config.quota import Means
from webqx_supervisor.config.readiness import Readiness
from webqx_supervisor.config.resilience import Resilience
from webqx_supervisor.config.restart_keys import Restart, restart_table
from webqx_supervisor.config.routes import Route
from webqx_supervisor.config.scaling import Scaling
from webqx_supervisor.config.tracing import Traced
from webqx_supervisor.model import gateway, service

_HEALTH = service.Health()
_STOP = service.Stop()
_LOGS = service.Logs()
_LIMITS = gateway.Limits()


class Daemon(Measured, Traced):
    """The daemon and its proxies."""

    name: Name | None = Field(
        default=None,
        description="The daemon's name; by default the folder's name and a short hash.",
    )
    state_dir: Text | None = Field(
        default=None,
        description="The folder of socket, journal and logs; by default `$WEBQX_SV_HOME/<name>`, "
        "else `webqx-sv/<name>` in `$XDG_STATE_HOME` or `~/.local/state`.",
    )
    proxies: Annotated[
        int | str,
        BeforeValidator(fields.proxies, json_schema_input_type=Positive | Literal["max"]),
    ] = Field(
        default=1,
        description='How many proxy processes share the traffic; "max" is one per CPU.',
    )
    access_log: AccessLogKey = Field(
        default_factory=AccessLog,
        description="What the proxies have answered: a format, false for nothing, or all of these.",
    )
    dashboard: Annotated[
        Dashboard,
        BeforeValidator(
            dashboard_table, json_schema_input_type=bool | Port | AddressText | Dashboard
        ),
    ] = Field(
        default_factory=Dashboard,
        description="Where browsers see it: an address, `false` for nowhere, or all of these.",
    )


class Health(Section):
    """When a worker counts as ready and as well; without a path, when its port accepts."""

    path: Annotated[str, AfterValidator(fields.url_path)] | None = Field(
        default=None, description="Asked over HTTP; an answer below 400 is a good one."
    )
    interval: Timeout = Field(
        default=units.as_written(_HEALTH.interval), description="Time between two probes."
    )
    timeout: Timeout = Field(
        default=units.as_written(_HEALTH.timeout), description="How long an answer may take."
    )
    rise: Positive = Field(
        default=_HEALTH.rise, description="Good answers in a row that make a worker healthy."
    )
    fall: Positive = Field(
        default=_HEALTH.fall, description="Bad answers in a row that make a worker unhealthy."
    )
    start_timeout: Timeout = Field(
        default=units.as_written(_HEALTH.start_timeout),
        description="A worker not ready by then has failed to start.",
    )
    patience: Duration = Field(
        default=units.as_written(_HEALTH.patience),
        description="How long a silent worker is spared while it visibly works.",
    )
    hang_timeout: Duration = Field(
        default=units.as_written(_HEALTH.hang_timeout),
        description="A worker whose requests get no byte for so long, while other workers of the "
        "service answer, is replaced: longer than the longest wait for an answer; 0 means never.",
    )
    dump_signal: Annotated[str, AfterValidator(fields.signal_name)] | None = Field(
        default=None,
        description="Sent to a worker that hangs before it is stopped, so that it writes to its "
        "log where; by default none.",
    )


class Stop(Section):
    """How a worker is asked to leave: drain, stop signal, grace, kill."""

    signal: Annotated[str, AfterValidator(fields.signal_name)] = Field(
        default=_STOP.signal, description="The stop signal, by its name in signal(7)."
    )
    drain: Duration = Field(
        default=units.as_written(_STOP.drain),
        description="How long requests in flight may take to end before the signal.",
    )
    grace: Duration = Field(
        default=units.as_written(_STOP.grace),
        description="Time from the stop signal to the kill of the whole process tree.",
    )
    shutdown_with_message: bool = Field(
        default=_STOP.shutdown_with_message,
        description='Node gets the message "shutdown" over its IPC channel instead of the signal.',
    )


class Logs(Section):
    """Where a worker's output goes."""

    streams: Annotated[service.LogStreams, Field(strict=False)] = Field(
        default=_LOGS.streams,
        description='Whether stdout and stderr share a file ("merged") or have one each.',
    )
    output: Annotated[service.LogOutput, Field(strict=False)] = Field(
        default=_LOGS.output,
        description="What is written: files of stamped lines, files of JSON lines, or nothing but "
        "entries of journald; where that takes none, the lines go to the files.",
    )
    format: Annotated[service.LogFormat, Field(strict=False)] = Field(
        default=_LOGS.format,
        description="In which form the worker writes its lines: `logs` finds the level in it.",
    )
    max_size: Capacity = Field(
        default=units.size_as_written(_LOGS.max_size),
        description="The size at which a log file is rotated.",
    )
    max_age: Duration = Field(
        default=units.as_written(_LOGS.max_age),
        description='Log files are rotated at every whole such time of UTC, "1d" at midnight; '
        "0 means for their size alone.",
    )
    compress: bool = Field(
        default=_LOGS.compress, description="Whether rotated files are compressed, with gzip."
    )
    keep: Count = Field(default=_LOGS.keep, description="How many rotated files are kept.")
    keep_for: Duration = Field(
        default=units.as_written(_LOGS.keep_for),
        description="Rotated files whose last line is older are removed; 0 means none for its age.",
    )


class Listener(Trust):
    """Addresses that the proxies accept on, and what they grant the clients there."""

    bind: Binds = Field(description="A port of 127.0.0.1, an address with its port, or a list.")
    protocol: Annotated[gateway.Protocol, Field(strict=False)] = Field(
        default=gateway.Protocol.HTTP, description='"http", or "tcp" for any other protocol.'
    )
    head_timeout: Timeout = Field(
        default=units.as_written(_LIMITS.head_timeout),
        description="From the first byte of a request to its head's end.",
    )
    idle_timeout: Timeout = Field(
        default=units.as_written(_LIMITS.idle_timeout),
        description="Between the requests of a connection, and between the bytes of a body.",
    )
    write_timeout: Timeout = Field(
        default=units.as_written(_LIMITS.write_timeout),
        description="A client that takes nothing of its answer for this long is cut off.",
    )
    min_body_rate: Size = Field(
        default=units.size_as_written(_LIMITS.min_body_rate),
        description="How many bytes a second of a body must come on average, once the client was "
        "waited for 5 s; 0 means any.",
    )
    max_head: Capacity = Field(
        default=units.size_as_written(_LIMITS.max_head),
        description="The largest head of a request.",
    )
    max_body: Size = Field(
        default=units.size_as_written(_LIMITS.max_body),
        description="The largest body of a request; 0 means no limit.",
    )
    max_connections: Count = Field(
        default=_LIMITS.max_connections,
        description="How many clients may be connected, shared out evenly among the proxies; "
        "beyond, idle ones are closed, then new ones get 503. 0 means no limit.",
    )
    max_connections_per_client: Count = Field(
        default=_LIMITS.max_connections_per_client,
        description="How many connections one address (IPv6: one /64) may have at each proxy; "
        "beyond, new ones get 429. 0 means no limit.",
    )


class Program(Section):
    """What runs, and how."""

    command: Command = Field(
        description="The program and its arguments: a list, or text that is split like a shell "
        "does and run without one; `{port}`, `{instance}` and `{service}` are filled in. Every "
        "service has it, or is `remote`.",
    )
    cwd: Text = Field(
        default=".",
        description="The folder that the workers run in, seen from the folder of this file.",
    )
    instances: Annotated[
        int | str, BeforeValidator(fields.instances, json_schema_input_type=Count | MaxText)
    ] = Field(default=1, description='How many workers; "max" is one per CPU, "max-1" one less.')
    port: Port | None = Field(
        default=None,
        description="The first of the sequential ports; each worker gets its own as PORT.",
    )
    listen: Annotated[
        Listener | None,
        BeforeValidator(
            fields.listener_table,
            json_schema_input_type=Port | AddressText | list[Port | AddressText] | Listener,
        ),
    ] = Field(
        default=None,
        description="Where the proxy accepts for this service alone: `bind`, or a whole listener.",
    )
    depends_on: dict[str, Literal["started", "ready", "healthy", "completed"]] = Field(
        default={},
        description="Services that must be started, ready or healthy, and tasks that must be "
        "completed, before a worker of this one starts.",
    )
    health: Health = Field(default_factory=Health, description="When a worker is ready and well.")
    stop: Stop = Field(default_factory=Stop, description="How a worker is asked to leave.")
    restart: Annotated[
        Restart,
        BeforeValidator(
            restart_table,
            json_schema_input_type=Literal["always", "on-failure", "never"] | Restart,
        ),
    ] = Field(
        default_factory=Restart, description="What follows an exit: a policy, or all of these."
    )
    logs: Logs = Field(default_factory=Logs, description="Where the output goes.")
    forward: Forward = Field(
        default_factory=Forward, description="How requests are carried to the workers."
    )
    balance: Annotated[
        Balance,
        BeforeValidator(
            fields.balance_table,
            json_schema_input_type=Literal[
                "round_robin", "least_connections", "two_choices", "hash"
            ]
            | Balance,
        ),
    ] = Field(
        default_factory=Balance, description="How requests are shared: a policy, or all of these."
    )


class Service(
    Filters,
    Resilience,
    Objectives,
    Belonging,
    OnTerminal,
    Life,
    Readiness,
    Scaling,
    HandedSockets,
    Means,
    Environment,
    Program,
):
    """One program, as many workers of it as wanted, on sequential ports; or where it is remote."""

    model_config = ConfigDict(json_schema_extra=resilience_fields.command_or_remote)

    _elsewhere = model_validator(mode="before")(resilience_fields.nothing_to_run)


class ServicesToml(Section):
    """All of services.toml."""

    daemon: Daemon = Field(default_factory=Daemon, description="The daemon and its proxies.")
    audit: Audit | None = Field(
        default=None, description="Who did what, and who accessed what, in a chain of records."
    )
    services: dict[Name, Service] = Field(default={}, description="What runs, by name.")
    listeners: dict[Name, Listener] = Field(
        default={}, description="Where the proxies accept, by name, for use in routes."
    )
    routes: Annotated[tuple[Route, ...], Field(strict=False)] = Field(
        default=(), description="Which requests go where."
    )
    alerts: Alerts = Field(
        default_factory=Alerts, description="Whom to tell when something is wrong."
    )


class _TomlSchema(GenerateJsonSchema):
    """Leaves out what TOML cannot write (null) and titles that only repeat the key."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        written = super().default_schema(schema)
        return {key: value for key, value in written.items() if (key, value) != ("default", None)}

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - whatever it is
        return False


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of services.toml, for editors."""
    return ServicesToml.model_json_schema(schema_generator=_TomlSchema)
