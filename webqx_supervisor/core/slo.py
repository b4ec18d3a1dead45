"""Objectives and what is left of them: error budget and burn rate.

Source: Google, The Site Reliability Workbook, chapter 5 "Alerting on SLOs": a burn rate of 1 uses
the budget up just at the window's end; what wakes somebody up is 14.4 over an hour or 6 over six
hours, if the last twelfth of that time is as bad.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from webqx_supervisor.model.history import Slo, Tally

MINUTE, HOUR = 60.0, 3600.0
FAST, SLOW = (14.4, HOUR, 5 * MINUTE), (6.0, 6 * HOUR, 30 * MINUTE)
"""(burn rate, long span, short span) of each reason to be woken up."""
SPANS = (FAST[1], SLOW[1])
"""Over which the burn rate is shown, in s."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one objective stands. Shares from 0 to 1."""

    objective: str
    """availability or errors."""
    target: float
    """What was asked for, as the share that is good."""
    reached: float | None
    """The share that was good over the window; None while nothing is known."""
    budget_left: float | None
    """What is left of the share that may be bad; below 0 when more was used."""
    burn: tuple[tuple[float, float], ...]
    """(span in s, burn rate over it)."""
    alarm: str = ""
    """Why somebody should be woken up; "" for no reason."""


@dataclass(frozen=True, slots=True)
class _Bad:
    """A share that was bad; None while nothing is known."""

    of_the_known: float | None
    of_the_span: float
    """The same if what is not known was good."""


Past = Callable[[float], Tally]
"""Returns what the last so many s were."""


def standings(slo: Slo, past: Past) -> Iterator[Standing]:
    """Yield how each objective that was asked for stands."""
    if slo.availability:
        yield _standing("availability", slo.availability, slo.window, lambda s: _down(past(s), s))
    if slo.errors:
        yield _standing(
            "errors",
            1 - slo.errors,
            slo.window,
            lambda s: _failed(past(s)),
            lambda s: past(s).errors >= slo.min_errors,
        )


def _standing(
    objective: str,
    target: float,
    window: float,
    bad: Callable[[float], _Bad],
    matters: Callable[[float], bool] = bool,
) -> Standing:
    """Return how it stands; somebody is woken up by a span of so many s only where it `matters`."""
    allowed = 1 - target
    share = bad(window).of_the_known

    def burn(span: float) -> float:
        return bad(span).of_the_span / allowed

    alarm = next(
        (
            f"{objective}: its budget burns {burn(long):.1f} times as fast as it lasts"
            for rate, long, short in (FAST, SLOW)
            if burn(long) >= rate and burn(short) >= rate and matters(long)
        ),
        "",
    )
    return Standing(
        objective,
        target,
        None if share is None else 1 - share,
        None if share is None else 1 - share / allowed,
        tuple((span, burn(span)) for span in SPANS),
        alarm,
    )


def _down(tally: Tally, span: float) -> _Bad:
    down = max(tally.due_s - tally.up_s, 0.0)
    # The first seconds of a service are all that is known of its hour: no reason to wake anybody.
    return _Bad(down / tally.due_s if tally.due_s else None, down / max(span, tally.due_s))


def _failed(tally: Tally) -> _Bad:
    share = tally.errors / tally.requests if tally.requests else None
    return _Bad(share, share or 0.0)
