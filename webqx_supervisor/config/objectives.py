"""The key `slo` of a service: what it is held to."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from webqx_supervisor.config import units
from webqx_supervisor.config.kinds import Positive, Section, Share, Timeout
from webqx_supervisor.model import history

_SLO = history.Slo()


def not_all(share: float) -> float:
    """Take a share below 100 %: nothing could ever be missing from all. Raises ValueError."""
    if share < 1:
        return share
    raise ValueError('wanted less than "100%": it would leave no budget for anything')


Objective = Annotated[Share, AfterValidator(not_all), Field(examples=["99.9%"])]


class Slo(Section):
    """A service level objective: what `webqx-sv slo` shows, and alerts watch."""

    availability: Objective | None = Field(
        default=None, description="The share of the time that a worker is to be up."
    )
    errors: Objective | None = Field(
        default=None,
        description="The share of requests that may be answered with a status from 500 up.",
    )
    window: Timeout = Field(
        default=units.as_written(_SLO.window),
        description="The time that counts, back from now; 30 days are remembered.",
    )
    min_errors: Positive = Field(
        default=_SLO.min_errors,
        description="So many requests must have failed, in the hour or the six that burn too fast, "
        "before anybody is told: with little traffic one is a large share.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.availability is None and self.errors is None:
            raise ValueError("wanted `availability` or `errors`")
        if self.errors == 0:
            raise ValueError('wanted more than "0%" of `errors`: it would leave no budget')
        if self.window > _SLO.window:
            raise ValueError("`window` is longer than the 30 days that are remembered")
        if self.errors is None and "min_errors" in self.model_fields_set:
            raise ValueError("`min_errors` counts only with `errors`")
        return self


class Objectives(Section):
    """What a service may be held to."""

    slo: Slo | None = Field(default=None, description="What it is held to; by default nothing.")


def slo(entry: Objectives) -> history.Slo:
    """Return what a service is held to."""
    if entry.slo is None:
        return _SLO
    given = entry.slo
    return history.Slo(
        given.availability or 0.0, given.errors or 0.0, given.window, given.min_errors
    )
