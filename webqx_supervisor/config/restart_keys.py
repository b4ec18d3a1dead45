"""The table `restart` of a service: what follows the end of a worker."""

from typing import Annotated

from pydantic import Field

from webqx_supervisor.config import units
from webqx_supervisor.config.kinds import Count, Duration, Positive, Section, Timeout
from webqx_supervisor.model import service

_RESTART = service.RestartPolicy()

ExitCodes = Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], Field(strict=False)]


def restart_table(value: object) -> object:
    """Take `restart = "never"` for `restart = { policy = "never" }`."""
    return {"policy": value} if isinstance(value, str) else value


class Restart(Section):
    """What follows an exit; the first restart after a healthy time is immediate."""

    policy: Annotated[service.Again, Field(strict=False)] = Field(
        default=_RESTART.policy,
        description="After which ends a worker is started again; one that a signal killed, that "
        "hung or was never ready has always failed.",
    )
    success_codes: ExitCodes = Field(
        default=_RESTART.success_codes,
        description='Exit codes that are no failure, for `policy = "on-failure"` and for tasks.',
    )
    never_codes: ExitCodes = Field(
        default=_RESTART.never_codes,
        description="Exit codes after which a worker is not started again, whatever the policy.",
    )
    first_delay: Duration = Field(
        default=units.as_written(_RESTART.first_delay),
        description="The first backoff; it doubles with each exit.",
    )
    longest_delay: Duration = Field(
        default=units.as_written(_RESTART.longest_delay),
        description="The backoff grows no longer than this.",
    )
    healthy_after: Duration = Field(
        default=units.as_written(_RESTART.healthy_after),
        description="After this uptime the backoff begins anew.",
    )
    limit: Positive = Field(
        default=_RESTART.limit,
        description="More exits than this within `window` make a worker FATAL.",
    )
    window: Timeout = Field(
        default=units.as_written(_RESTART.window), description="The sliding window of `limit`."
    )
    retry_fatal: Timeout = Field(
        default=units.as_written(_RESTART.retry_fatal),
        description="A FATAL worker is tried again after this.",
    )
    quarantine: Count = Field(
        default=_RESTART.quarantine,
        description="A request over which so many workers in a row have died is refused for ten "
        "minutes; 0 refuses none.",
    )
