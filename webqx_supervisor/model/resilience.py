"""What becomes of requests when a worker fails them: breakers and retries. Times in seconds."""

from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether a breaker lets requests through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    """A few requests are let through, to see how it answers them."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a worker that fails or is slow gets no requests for a while. Rates are parts of 1."""

    failure_rate: float = 0.5
    slow_rate: float = 0.8
    slow_after: float = 10.0
    """A worker that takes longer to the head of its answer was slow; 0: none ever is."""
    minimum: int = 20
    """With fewer requests than this within the window nothing is concluded."""
    window: float = 10.0
    open_for: float = 5.0
    """It doubles each time that the trial fails, up to `longest_open`."""
    longest_open: float = 60.0
    trial: int = 3
    """So many requests, all of them answered well, close it again."""
    statuses: tuple[int, ...] = (500, 502, 503, 504)
    """The answers that are failures."""
    most_ejected: float = 0.5
    """The part of a service's workers that get no requests at once, at most; never all."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a request goes elsewhere, beyond one whose worker took it along or never took it."""

    timeout: bool = False
    """Also when a worker is silent for too long."""
    invalid: bool = False
    """Also when what it answers is no HTTP."""
    statuses: tuple[int, ...] = ()
    """Also when it answers so."""
    attempts: int = 3
    """Workers that a request may fail at; a refused connect is none."""
    time: float = 10.0
    """After so long no further attempt begins; 0: however long."""
    budget: float = 0.2
    """The part of a service's requests that may be retried, see core.budget."""
