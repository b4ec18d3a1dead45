"""Whom to tell what: the part of services.toml that is about alerts. Times in seconds."""

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """What an alert is about."""

    DOWN = "down"
    """No worker of a service is up that should be."""
    CRASH_LOOP = "crash_loop"
    """A worker exits again and again, or was given up on."""
    FAILED = "failed"
    """A task has come to its end without success."""
    BREAKER_OPEN = "breaker_open"
    """A worker gets no requests because it answered badly."""
    MEMORY = "memory"
    """A worker takes more than `limit` octets."""
    DISK = "disk"
    """Less than `limit` of the state folder's file system is free; a share from 0 to 1."""
    CERTIFICATE = "certificate"
    """A certificate ends within `limit` s."""
    BURN_RATE = "burn_rate"
    """A service uses up its error budget so fast that it will not last (core.slo)."""


class Means(StrEnum):
    """How a receiver is reached."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    DISCORD = "discord"
    NTFY = "ntfy"
    EMAIL = "email"
    COMMAND = "command"


class Security(StrEnum):
    """How a mail server is spoken to."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Smtp:
    """The mail server; `password` is where it is kept: `file:/path` or `env:NAME`."""

    host: str = ""
    port: int = 587
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody to be told. `place`: an address, or where one is kept; `command` for COMMAND."""

    name: str
    means: Means
    place: str = ""
    command: tuple[str, ...] = ()
    token: str = ""
    """Where a bearer token is kept; "" for none."""
    smtp: Smtp = Smtp()


@dataclass(frozen=True, slots=True)
class Rule:
    """`patience`: for how long it must hold. `services`: names, groups, globs; () for all."""

    on: Condition
    patience: float = 0.0
    limit: float = 0.0
    services: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    """Names of receivers; () for all."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """All of [alerts]."""

    receivers: tuple[Receiver, ...] = ()
    rules: tuple[Rule, ...] = ()
    together: float = 10.0
    """What happens within so long is told in one message."""
    repeat: float = 4 * 3600.0
    """What lasts is told again so often; 0: never."""
    most: int = 20
    """Messages in an hour to one receiver; what is over that waits and is told together."""
