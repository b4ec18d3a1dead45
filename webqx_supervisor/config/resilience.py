"""The keys by which services.toml says what happens to requests when a worker fails them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import resilience_fields, units
from webqx_supervisor.config.kinds import Duration, Part, Positive, Section, Share, Timeout
from webqx_supervisor.model import resilience

_BREAKER = resilience.Breaker()
_RETRY = resilience.Retry()

Status = Annotated[int, Field(ge=400, le=599)]
Statuses = Annotated[tuple[Status, ...], Field(strict=False)]


class Breaker(Section):
    """When a worker that fails or is slow gets no requests for a while; true for all defaults."""

    failure_rate: Part = Field(
        default=units.share_text(_BREAKER.failure_rate),
        description="The share of failed requests within the window that opens the breaker.",
    )
    slow_rate: Part = Field(
        default=units.share_text(_BREAKER.slow_rate), description="The share of slow ones."
    )
    slow_after: Duration = Field(
        default=units.as_written(_BREAKER.slow_after),
        description="An answer whose head takes longer is a slow one: longer than the longest wait "
        "for an answer; 0 means none is.",
    )
    minimum: Positive = Field(
        default=_BREAKER.minimum,
        description="With fewer requests within the window, at one proxy, it stays closed.",
    )
    window: Timeout = Field(
        default=units.as_written(_BREAKER.window), description="What is looked at."
    )
    open_for: Timeout = Field(
        default=units.as_written(_BREAKER.open_for),
        description="After this, and up to half of it more by chance, a trial begins; it doubles "
        "each time that a trial fails.",
    )
    longest_open: Timeout = Field(
        default=units.as_written(_BREAKER.longest_open), description="It grows no longer than this."
    )
    trial: Positive = Field(
        default=_BREAKER.trial,
        description="How many requests the trial lets through; all must be answered well.",
    )
    statuses: Statuses = Field(
        default=_BREAKER.statuses, description="The statuses that are failures."
    )
    most_ejected: Share = Field(
        default=units.share_text(_BREAKER.most_ejected),
        description="The share of a service's workers that get no requests at once, at most; "
        "never all.",
    )


class Retry(Section):
    """When a request goes to another worker beyond what is done anyway; false for never at all."""

    on: Annotated[
        tuple[Literal["connect", "timeout", "invalid"] | Status, ...],
        Field(strict=False),
        BeforeValidator(
            resilience_fields.conditions,
            json_schema_input_type=list[Literal["connect", "timeout", "invalid"] | Status],
        ),
    ] = Field(
        default=("connect",),
        description='"connect": nobody accepted, or the connection broke off, which always counts; '
        '"timeout": no answer within `response_timeout`; "invalid": no HTTP; or statuses.',
    )
    attempts: Positive = Field(
        default=_RETRY.attempts,
        description="How many workers a request may fail at, those that refuse not counted.",
    )
    time: Duration = Field(
        default=units.as_written(_RETRY.time),
        description="After so long no attempt begins but the first one after a worker broke off; "
        "0 means no limit.",
    )
    budget: Share = Field(
        default=units.share_text(_RETRY.budget),
        description="The share of a service's requests of the last 10 s that are retried at most "
        "by a proxy, and 10 more; the first time that a worker broke off costs nothing.",
    )


RetryKey = Annotated[
    Retry | None,
    BeforeValidator(
        resilience_fields.retry_table,
        json_schema_input_type=list[str | int] | Retry | Literal[False],
    ),
]


class Resilience(Section):
    """What a service does about workers that fail."""

    breaker: Annotated[
        Breaker | None,
        BeforeValidator(resilience_fields.breaker_table, json_schema_input_type=bool | Breaker),
    ] = Field(
        default=None,
        description="Keeps requests from a worker that fails or is slow: true, or any of these.",
    )
    remote: Annotated[
        tuple[Annotated[str, AfterValidator(resilience_fields.remote_address)], ...],
        Field(strict=False),
        BeforeValidator(resilience_fields.addresses, json_schema_input_type=str | list[str]),
    ] = Field(
        default=(),
        description='Where the service runs instead of here, like "http://10.0.0.7:3001": nothing '
        "is started, each address is probed as `health` says and gets requests while it is well.",
    )


def breaker(entry: Breaker) -> resilience.Breaker:
    """Return the policy that a table of services.toml says."""
    return resilience.Breaker(**entry.model_dump())


def retry(entry: Retry | None) -> resilience.Retry | None:
    """Return the same of retries; None: only what is done anyway."""
    if entry is None:
        return None
    return resilience.Retry(
        timeout="timeout" in entry.on,
        invalid="invalid" in entry.on,
        statuses=tuple(each for each in entry.on if isinstance(each, int)),
        attempts=entry.attempts,
        time=entry.time,
        budget=entry.budget,
    )
