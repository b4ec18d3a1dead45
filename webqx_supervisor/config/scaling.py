"""The keys of a service that has as many workers as its load asks for."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import fields, units
from webqx_supervisor.config.fields import resolved
from webqx_supervisor.config.kinds import Count, Duration, MaxText, Positive, Section, Timeout
from webqx_supervisor.config.phrases import found
from webqx_supervisor.model import autoscale

_DEFAULTS = autoscale.Autoscale(min=1, max=1)


def most(value: object) -> int | str:
    """Take a number from 1 up, "max" or "max-1"."""
    try:
        if value != 0:
            return fields.instances(value)
    except ValueError:
        pass
    raise ValueError(f'wanted a number from 1 up, "max" or "max-1"; found {found(value)}')


def cores(value: object) -> float:
    """Read "70%" of a core as 0.7; a worker may have several processes or threads."""
    if isinstance(value, str) and units.SHARE.fullmatch(value):
        return float(value[:-1]) / 100
    wanted = 'wanted a part of one core, like "70%", or more for several, like "150%"'
    raise ValueError(f"{wanted}; found {found(value)}")


_CoresText = Annotated[str, Field(pattern=units.SHARE_PATTERN, examples=["70%", "150%"])]


class Autoscale(Section):
    """Between which numbers of workers the load decides, and how."""

    min: Count = Field(
        default=_DEFAULTS.min,
        description="The least. With 0 all leave when no request came for `idle`, and the next "
        "one waits until a worker is up.",
    )
    max: Annotated[int | str, BeforeValidator(most, json_schema_input_type=Positive | MaxText)] = (
        Field(description='The most; "max" is one per CPU. As many ports are kept free.')
    )
    target_in_flight: Positive | None = Field(
        default=None,
        description="Requests that a worker is to have at once, those that wait included.",
    )
    target_cpu: (
        Annotated[
            float,
            BeforeValidator(cores, json_schema_input_type=_CoresText),
            AfterValidator(fields.more_than_zero),
        ]
        | None
    ) = Field(
        default=None,
        description="What a worker's processes are to use of one core. With both targets the one "
        "counts that asks for more workers.",
    )
    cooldown: Duration = Field(
        default=units.as_written(_DEFAULTS.cooldown),
        description="Workers leave when fewer have been enough for so long.",
    )
    idle: Timeout = Field(
        default=units.as_written(_DEFAULTS.idle),
        description="With `min = 0`, all workers leave after so long without a request.",
    )


class Scaling(Section):
    """What every service may say about the number of its workers."""

    autoscale: Autoscale | None = Field(
        default=None,
        description="The load decides how many workers there are; `instances` is how many there "
        "are first.",
    )


def autoscale_of(entry: Scaling, cpus: int) -> autoscale.Autoscale | None:
    """Return between which numbers the load decides; "max" means `cpus`."""
    said = entry.autoscale
    if said is None:
        return None
    return autoscale.Autoscale(
        min=said.min,
        max=resolved(said.max, cpus),
        target_in_flight=said.target_in_flight or 0,
        target_cpu=said.target_cpu or 0.0,
        cooldown=said.cooldown,
        idle=said.idle,
    )


def first(entry: Scaling, instances: int | str, cpus: int) -> int:
    """Return how many workers there are first; 1, or the nearest allowed, if nothing is said."""
    if entry.autoscale is None or "instances" in entry.model_fields_set:
        return resolved(instances, cpus)
    return max(1, entry.autoscale.min)


def most_of(entry: Scaling, instances: int | str, cpus: int) -> int:
    """Return how many workers there may be."""
    if entry.autoscale is None:
        return resolved(instances, cpus)
    return resolved(entry.autoscale.max, cpus)
