"""The keys by which services.toml says how much one client may have."""

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from webqx_supervisor.config import filter_fields, rates, units
from webqx_supervisor.config.kinds import Count, Positive, Section, Size
from webqx_supervisor.model import limits as model

RateText = Annotated[
    str,
    AfterValidator(rates.rate_text),
    Field(
        json_schema_extra={"pattern": rates.RATE_PATTERN, "examples": ["10/s burst 20", "1000/15m"]}
    ),
]


class RateLimit(Section):
    """How many requests one client may send; text alone is `rate`."""

    rate: RateText = Field(
        description='How many requests in how much time; a burst may follow, as in "10/s burst 20".'
    )
    burst: Positive | None = Field(
        default=None,
        description="How many may come at once; by default as many as the rate counts.",
    )
    by: Annotated[str, AfterValidator(rates.by)] = Field(
        default="client_ip",
        description='Who is one client: "client_ip" (IPv6: one /64), "header:NAME", "cookie:NAME" '
        'or "claim:NAME"; without that, its address.',
    )
    delay: bool = Field(
        default=False,
        description="Requests of a burst are held until the rate lets them pass; beyond it they "
        "are refused.",
    )
    exempt: Annotated[
        tuple[Annotated[str, AfterValidator(filter_fields.network)], ...], Field(strict=False)
    ] = Field(default=(), description="Addresses and networks that are not counted.")
    name: Annotated[str, AfterValidator(rates.name)] | None = Field(
        default=None,
        description="What clients see it called; limits of one name count together, wherever "
        "they stand.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        hold = self.whole_rate.hold
        if self.delay and hold > rates.LONGEST_HOLD:
            raise ValueError(
                f"with `delay` the last of a burst would be held for "
                f"{units.duration_text(round(hold))}; a smaller burst is wanted, at most "
                f"{units.duration_text(rates.LONGEST_HOLD)} long"
            )
        return self

    @property
    def whole_rate(self) -> rates.Rate:
        """What `rate` and `burst` say together. Raises ValueError if they cannot both be."""
        return rates.rate(self.rate, self.burst)

    @property
    def what(self) -> str:
        """The same for all limits that count the same."""
        return f"{self.whole_rate} by {self.by}"


def _each_once(limits: tuple[RateLimit, ...]) -> tuple[RateLimit, ...]:
    seen = set()
    for each in limits:
        if each.what in seen:
            raise ValueError(f"the limit {each.what} stands here twice")
        seen.add(each.what)
    return limits


class Limits(Section):
    """How much one client may have."""

    limits: Annotated[
        tuple[RateLimit, ...],
        Field(strict=False),
        BeforeValidator(
            rates.limits_table,
            json_schema_input_type=RateText | RateLimit | list[RateText | RateLimit],
        ),
        AfterValidator(_each_once),
    ] = Field(
        default=(),
        description="How many requests a client may send, over all proxies: rates like "
        '"10/s burst 20", or tables. A request counts for all of them; beyond, it gets 429.',
    )
    max_in_flight_per_client: Count = Field(
        default=0,
        description="How many requests one address (IPv6: one /64) may have at once at each "
        "proxy; beyond, they get 429. 0 means no limit.",
    )
    max_body: Size | None = Field(
        default=None,
        description="The largest body of a request, instead of what the listener has; 0 means no "
        "limit.",
    )


def rate_limits(entries: tuple[RateLimit, ...], scope: str) -> tuple[model.RateLimit, ...]:
    """Return the limits; those without a name are counted for this scope."""
    return tuple(_rate_limit(entry, scope) for entry in entries)


def crowding(most: int, scope: str) -> model.Crowding | None:
    """Return the limit of what is in flight, None for 0."""
    return model.Crowding(most, scope) if most else None


def _rate_limit(entry: RateLimit, scope: str) -> model.RateLimit:
    rate = entry.whole_rate
    label = entry.name or (f"{rate}" if entry.by == "client_ip" else entry.what)
    where = f"limit {entry.name}" if entry.name else scope
    return model.RateLimit(
        count=rate.count,
        period=rate.period,
        burst=rate.burst,
        by=entry.by,
        delay=entry.delay,
        exempt=entry.exempt,
        label=label,
        # With the rate in it: under another one the old counts would say nothing.
        account=f"{where}: {entry.what}",
    )
