"""Every key of services.toml, once: its name, its type, its default and one sentence.

Names and defaults of the inner tables are those of the model's values, which they become. No
rule here looks at a second entry of the file, or at the machine.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from webqx_supervisor.config import fields, units
from webqx_supervisor.config.addresses import bind_address
from webqx_supervisor.config.names import checked_name
from webqx_supervisor.model import gateway, service

_HEALTH = service.Health()
_STOP = service.Stop()
_RESTART = service.RestartPolicy()
_LOGS = service.Logs()
_LIMITS = gateway.Limits()
_FORWARD = gateway.Forwarding()

# For editors and the reference; what is accepted is decided by the validator beside it.
_DurationText = Annotated[
    str, Field(pattern=units.DURATION_PATTERN, examples=["5s", "200ms", "1h30m"])
]
_SizeText = Annotated[str, Field(pattern=units.SIZE_PATTERN, examples=["512M", "64k", "1G"])]
_AddressText = Annotated[str, Field(examples=["0.0.0.0:80", "[::]:80"])]
_MaxText = Annotated[str, Field(pattern=fields.MAX_PATTERN, examples=["max", "max-1"])]
_Text = Annotated[str, AfterValidator(fields.without_nul)]

Count = Annotated[int, Field(ge=0)]
Duration = Annotated[float, BeforeValidator(units.seconds, json_schema_input_type=_DurationText)]
Timeout = Annotated[Duration, AfterValidator(fields.more_than_zero)]
Size = Annotated[int, BeforeValidator(units.size, json_schema_input_type=Count | _SizeText)]
Capacity = Annotated[Size, AfterValidator(fields.more_than_zero)]
Positive = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, AfterValidator(checked_name)]
Texts = Annotated[
    tuple[_Text, ...],
    Field(strict=False),
    BeforeValidator(fields.listed_texts, json_schema_input_type=str | list[str]),
]
Command = Annotated[
    tuple[_Text, ...],
    Field(strict=False),
    BeforeValidator(fields.words, json_schema_input_type=str | list[str]),
]
Binds = Annotated[
    tuple[Annotated[str, BeforeValidator(bind_address)], ...],
    Field(strict=False),
    BeforeValidator(
        fields.listed, json_schema_input_type=Port | _AddressText | list[Port | _AddressText]
    ),
]


def _time(seconds: float) -> Any:
    """Write the model's default as the file would; it is read like any other value."""
    return units.duration_text(seconds)


def _bytes(count: int) -> Any:
    return units.size_text(count)


class Section(BaseModel):
    """A table of services.toml: no key but the named ones, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)


class Daemon(Section):
    """The daemon and its proxies."""

    name: Name | None = Field(
        default=None,
        description="The daemon's name; by default the folder's name and a short hash.",
    )
    state_dir: _Text | None = Field(
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


class Health(Section):
    """When a worker counts as ready and as well; without a path, when its port accepts."""

    path: Annotated[str, AfterValidator(fields.url_path)] | None = Field(
        default=None, description="Asked over HTTP; an answer below 400 is a good one."
    )
    interval: Timeout = Field(
        default=_time(_HEALTH.interval), description="Time between two probes."
    )
    timeout: Timeout = Field(
        default=_time(_HEALTH.timeout), description="How long an answer may take."
    )
    rise: Positive = Field(
        default=_HEALTH.rise, description="Good answers in a row that make a worker healthy."
    )
    fall: Positive = Field(
        default=_HEALTH.fall, description="Bad answers in a row that make a worker unhealthy."
    )
    start_timeout: Timeout = Field(
        default=_time(_HEALTH.start_timeout),
        description="A worker not ready by then has failed to start.",
    )
    patience: Duration = Field(
        default=_time(_HEALTH.patience),
        description="How long a silent worker is spared while it visibly works.",
    )


class Stop(Section):
    """How a worker is asked to leave: drain, stop signal, grace, kill."""

    signal: Annotated[str, AfterValidator(fields.signal_name)] = Field(
        default=_STOP.signal, description="The stop signal, by its name in signal(7)."
    )
    drain: Duration = Field(
        default=_time(_STOP.drain),
        description="How long requests in flight may take to end before the signal.",
    )
    grace: Duration = Field(
        default=_time(_STOP.grace),
        description="Time from the stop signal to the kill of the whole process tree.",
    )


class Restart(Section):
    """What follows an exit; the first restart after a healthy time is immediate."""

    first_delay: Duration = Field(
        default=_time(_RESTART.first_delay),
        description="The first backoff; it doubles with each exit.",
    )
    longest_delay: Duration = Field(
        default=_time(_RESTART.longest_delay), description="The backoff grows no longer than this."
    )
    healthy_after: Duration = Field(
        default=_time(_RESTART.healthy_after),
        description="After this uptime the backoff begins anew.",
    )
    limit: Positive = Field(
        default=_RESTART.limit,
        description="More exits than this within `window` make a worker FATAL.",
    )
    window: Timeout = Field(
        default=_time(_RESTART.window), description="The sliding window of `limit`."
    )
    retry_fatal: Timeout = Field(
        default=_time(_RESTART.retry_fatal), description="A FATAL worker is tried again after this."
    )


class Logs(Section):
    """The files that a worker's output goes to."""

    max_size: Capacity = Field(
        default=_bytes(_LOGS.max_size), description="The size at which a log file is rotated."
    )
    keep: Count = Field(default=_LOGS.keep, description="How many rotated files are kept.")


class Forward(Section):
    """How requests are carried to the workers of a service."""

    connect_timeout: Timeout = Field(
        default=_time(_FORWARD.connect_timeout), description="How long a worker may take to accept."
    )
    response_timeout: Timeout = Field(
        default=_time(_FORWARD.response_timeout),
        description="How long a worker may take for the head of its answer, and between bytes "
        "of the body.",
    )
    tunnel_timeout: Timeout = Field(
        default=_time(_FORWARD.tunnel_timeout),
        description="A tunnel (WebSocket, TCP) silent both ways for this long is closed.",
    )
    upgrade: Annotated[
        tuple[Annotated[str, AfterValidator(fields.upgrade_token)], ...], Field(strict=False)
    ] = Field(default=_FORWARD.upgrade, description="The Upgrade tokens that the service speaks.")
    queue_size: Count = Field(
        default=_FORWARD.queue_size, description="How many requests may wait while no worker is up."
    )
    queue_timeout: Duration = Field(
        default=_time(_FORWARD.queue_timeout),
        description="How long a request may wait for a worker.",
    )


class Listener(Section):
    """Addresses that the proxies accept on, and what they grant the clients there."""

    bind: Binds = Field(description="A port of 127.0.0.1, an address with its port, or a list.")
    protocol: Annotated[gateway.Protocol, Field(strict=False)] = Field(
        default=gateway.Protocol.HTTP, description='"http", or "tcp" for any other protocol.'
    )
    head_timeout: Timeout = Field(
        default=_time(_LIMITS.head_timeout),
        description="From the first byte of a request to its head's end.",
    )
    idle_timeout: Timeout = Field(
        default=_time(_LIMITS.idle_timeout),
        description="Between the requests of a connection, and between the bytes of a body.",
    )
    max_head: Capacity = Field(
        default=_bytes(_LIMITS.max_head), description="The largest head of a request."
    )
    max_body: Size = Field(
        default=_bytes(_LIMITS.max_body),
        description="The largest body of a request; 0 means no limit.",
    )


class Service(Section):
    """One program, as many workers of it as wanted, on sequential ports."""

    command: Command = Field(
        description="The program and its arguments: a list, or text that is split like a shell "
        "does and run without one; `{port}`, `{instance}` and `{service}` are filled in.",
    )
    cwd: _Text = Field(
        default=".",
        description="The folder that the workers run in, seen from the folder of this file.",
    )
    env: dict[Annotated[str, AfterValidator(fields.env_name)], _Text] = Field(
        default={}, description="Added to the environment, with the same three filled in."
    )
    env_file: Texts = Field(
        default=(),
        description="Files of NAME=value lines, seen from the folder of this file; a later one "
        "wins, and `env` over all. Values are taken literally, but for the same three.",
    )
    instances: Annotated[
        int | str, BeforeValidator(fields.instances, json_schema_input_type=Count | _MaxText)
    ] = Field(default=1, description='How many workers; "max" is one per CPU, "max-1" one less.')
    port: Port | None = Field(
        default=None,
        description="The first of the sequential ports; each worker gets its own as PORT.",
    )
    listen: Annotated[
        Listener | None,
        BeforeValidator(
            fields.listener_table,
            json_schema_input_type=Port | _AddressText | list[Port | _AddressText] | Listener,
        ),
    ] = Field(
        default=None,
        description="Where the proxy accepts for this service alone: `bind`, or a whole listener.",
    )
    depends_on: dict[str, Literal["started", "ready", "healthy"]] = Field(
        default={},
        description="Services that must be started, ready or healthy before this one starts.",
    )
    health: Health = Field(default_factory=Health, description="When a worker is ready and well.")
    stop: Stop = Field(default_factory=Stop, description="How a worker is asked to leave.")
    restart: Restart = Field(default_factory=Restart, description="What follows an exit.")
    logs: Logs = Field(default_factory=Logs, description="Where the output goes.")
    forward: Forward = Field(
        default_factory=Forward, description="How requests are carried to the workers."
    )


class Route(Section):
    """Which requests of a listener go to which service."""

    listener: str = Field(
        description="The listener; that of a service's `listen` has the service's name."
    )
    host: Annotated[str, AfterValidator(fields.host)] | None = Field(
        default=None,
        description="Only requests for this host, without its port; by default for any.",
    )
    path: Annotated[str, AfterValidator(fields.url_path)] = Field(
        default="/", description="Only paths below this one, by whole segments; the longest wins."
    )
    service: str = Field(description="The service that answers.")
    backup: str | None = Field(
        default=None, description="The service that answers while no worker of `service` is up."
    )


class ServicesToml(Section):
    """All of services.toml."""

    daemon: Daemon = Field(default_factory=Daemon, description="The daemon and its proxies.")
    services: dict[Name, Service] = Field(default={}, description="What runs, by name.")
    listeners: dict[Name, Listener] = Field(
        default={}, description="Where the proxies accept, by name, for use in routes."
    )
    routes: Annotated[tuple[Route, ...], Field(strict=False)] = Field(
        default=(), description="Which requests go where."
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
