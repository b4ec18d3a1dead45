"""What is remembered of a service over time, and what it is held to. Times in s, Unix times too."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """What a service was and did in the `span` s before `at`."""

    at: int
    span: float
    up_s: float
    """For how long at least one worker was up."""
    due_s: float
    """For how long one should have been: it was not stopped by hand."""
    requests: int
    errors: int
    """Those of them that were answered with a status from 500 up."""
    p50: float | None
    """Half of them took no longer than so many s; None where there were none."""
    p99: float | None
    in_flight: int
    cpu_percent: float
    rss_bytes: int
    workers_up: int
    restarts: int
    """So far."""


@dataclass(frozen=True, slots=True)
class Served:
    """What came of the requests in some `span` s."""

    span: float
    requests: int = 0
    errors: int = 0
    """Those of them that were answered with a status from 500 up."""
    p50: float | None = None
    """Half of them took no longer than so many s; None where there were none."""
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Slo:
    """A service level objective: shares from 0 to 1, over the last `window` s; 0: not asked for."""

    availability: float = 0.0
    """The share of the time that it is up."""
    errors: float = 0.0
    """The share of requests that may be answered with a status from 500 up."""
    window: float = 30 * 86400.0
    min_errors: int = 5
    """So many requests must have failed before anybody is woken up for them."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Some span of the past in four numbers."""

    up_s: float = 0.0
    due_s: float = 0.0
    requests: int = 0
    errors: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(
            self.up_s + other.up_s,
            self.due_s + other.due_s,
            self.requests + other.requests,
            self.errors + other.errors,
        )
