"""The keys of a service that say when its workers have started, are ready and live."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from webqx_supervisor.config import fields, units
from webqx_supervisor.config.kinds import (
    Command,
    Duration,
    Port,
    Positive,
    Section,
    Text,
    Timeout,
)
from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.model import readiness
from webqx_supervisor.model.readiness import ASKED, Means

_CHECK = readiness.Check(Means.PORT)
_OWN_PORT = 0
_WORDS = ("port", "notify", "ipc")
_ROUNDS = ("interval", "timeout", "rise", "fall")


def pattern(text: str) -> str:
    """Take a regular expression. Raises ValueError."""
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"wanted a regular expression; found {found(text)}: {error}") from None
    if re.search(text, ""):
        raise ValueError(f"any line has the pattern {found(text)}")
    return text


def tcp_port(value: object) -> object:
    """Take a port, or "{port}" for the worker's own."""
    if value == "{port}":
        return _OWN_PORT
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    raise ValueError(f'wanted a port, or "{{port}}" for the worker\'s own; found {found(value)}')


def sign_table(value: object) -> object:
    """Take `ready = "notify"` for `ready = { when = "notify" }`."""
    if not isinstance(value, str):
        return value
    if value in _WORDS:
        return {"when": value}
    near = "; did you mean `ipc`?" if value == "process.send" else did_you_mean(value, _WORDS)
    wanted = 'wanted "port", "notify", "ipc", or a table like { http = "/ready" }'
    raise ValueError(f"{wanted}; found {found(value)}{near}")


class Probe(Section):
    """One of `http`, `tcp` and `command`, and how often it is asked."""

    http: Annotated[str, AfterValidator(fields.url_path)] | None = Field(
        default=None, description="A path, asked for over HTTP; an answer below 400 is a good one."
    )
    port: Port | None = Field(
        default=None, description="The port of 127.0.0.1 for `http`, instead of the worker's own."
    )
    tcp: (
        Annotated[int, BeforeValidator(tcp_port, json_schema_input_type=Port | Literal["{port}"])]
        | None
    ) = Field(
        default=None,
        description="A port of 127.0.0.1 that is to accept; `{port}` is the worker's own.",
    )
    command: Command | None = Field(
        default=None,
        description="A program that is to exit 0; it runs where the worker does, with its "
        "environment and its pid as `WEBQX_SV_PID`, and of its output the last line is kept.",
    )
    interval: Timeout = Field(
        default=units.as_written(_CHECK.interval), description="Time between two rounds."
    )
    timeout: Timeout = Field(
        default=units.as_written(_CHECK.timeout),
        description="How long an answer may take; a command is killed then.",
    )
    rise: Positive = Field(
        default=_CHECK.rise, description="Good answers in a row that it takes to pass."
    )
    fall: Positive = Field(
        default=_CHECK.fall,
        description="Bad answers in a row that it takes to fail; not for `startup`.",
    )

    @model_validator(mode="after")
    def _one_means(self) -> Self:
        given = [key for key in _means(type(self)) if getattr(self, key) is not None]
        if len(given) != 1:
            names = [f"`{key}`" for key in _means(type(self))]
            wanted = f"wanted one of {', '.join(names[:-1])} and {names[-1]}"
            raise ValueError(f"{wanted}; found {' and '.join(given) or 'none of them'}")
        if self.port is not None and self.http is None:
            raise ValueError("`port` counts only beside `http`")
        asked = given[0] in (each.value for each in ASKED)
        surplus = [key for key in _ROUNDS if key in self.model_fields_set and not asked]
        if surplus:
            raise ValueError(f"`{surplus[0]}` counts only for `http`, `tcp` and `command`")
        return self


class Sign(Probe):
    """For `startup` and `ready`: what tells it, one of these, or the word of `when` alone."""

    when: Literal["port", "notify", "ipc"] | None = Field(
        default=None,
        description='"port": it accepts on its port. "notify": it says READY=1 to its '
        '`NOTIFY_SOCKET`, as sd_notify(3). "ipc": Node\'s `process.send("ready")`.',
    )
    log: Annotated[Text, AfterValidator(pattern)] | None = Field(
        default=None, description="A regular expression that is found in a line of its output."
    )
    fd: Annotated[int, Field(ge=3, le=1023)] | None = Field(
        default=None,
        description="A descriptor that it gets and writes a line end to, as for s6.",
    )


SignOrWord = Annotated[
    Sign | None,
    BeforeValidator(sign_table, json_schema_input_type=Literal["port", "notify", "ipc"] | Sign),
]


class Readiness(Section):
    """What every service may say about when its workers are there."""

    startup: SignOrWord = Field(
        default=None,
        description="What a worker that starts has to pass before anything else is asked of it: a "
        "word, or a table.",
    )
    ready: SignOrWord = Field(
        default=None,
        description="When a worker gets requests, and counts as ready: a word, or a table. `http`, "
        "`tcp` and `command` are asked all its life. By default it is as `health` has it.",
    )
    live: Probe | None = Field(
        default=None,
        description="Asked of a ready worker all its life; one that fails is replaced.",
    )
    watchdog: Duration = Field(
        default=units.as_written(0.0),
        description="A ready worker that is longer without saying WATCHDOG=1 hangs; it is told "
        "by `WATCHDOG_USEC`. 0 means there is none.",
    )
    notify_access: Annotated[readiness.Access, Field(strict=False)] | None = Field(
        default=None,
        description="Whose messages to `NOTIFY_SOCKET` count: of its main process, or of all that "
        'it has started (the default). Workers have that socket with this key, `ready = "notify"` '
        "or a `watchdog`.",
    )


def checks(entry: Readiness) -> readiness.Readiness:
    """Return what a service says of it."""
    return readiness.Readiness(
        startup=check(entry.startup),
        ready=check(entry.ready),
        live=check(entry.live),
        watchdog=entry.watchdog,
        access=entry.notify_access,
    )


def check(entry: Probe | None) -> readiness.Check | None:
    """Return one check."""
    if entry is None:
        return None
    return readiness.Check(
        means(entry),
        path=entry.http or "",
        port=entry.port or entry.tcp or None,
        pattern=getattr(entry, "log", None) or "",
        fd=getattr(entry, "fd", None) or 0,
        command=entry.command or (),
        interval=entry.interval,
        timeout=entry.timeout,
        rise=entry.rise,
        fall=entry.fall,
    )


def means(entry: Probe) -> Means:
    """Return what tells it."""
    key = next(key for key in _means(type(entry)) if getattr(entry, key) is not None)
    return Means(getattr(entry, key) if key == "when" else key)


def _means(kind: type[Probe]) -> tuple[str, ...]:
    asked = ("http", "tcp", "command")
    return ("when", "log", "fd", *asked) if kind is Sign else asked
