"""What is known of the end of a worker, and of the requests that it took along."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LostRequest:
    """A request in flight at a worker that broke off; `age_s` is how long it had been there.

    `fingerprint` is the same for each repetition of the request (see proxy.losses).
    """

    method: str
    target: str
    age_s: float
    request_id: str
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Death:
    """One end of a worker that nobody had asked for. `at` is Unix time in seconds.

    `text` says how: exit code or signal, and the verdict if the daemon ended it. `memory` holds
    (seconds before the end, octets resident) pairs of its last minute, the oldest first.
    """

    service: str
    instance: int
    pid: int
    at: float
    uptime_s: float
    text: str
    last_lines: tuple[str, ...] = ()
    requests: tuple[LostRequest, ...] = ()
    memory: tuple[tuple[float, int], ...] = ()
    changes: tuple[str, ...] = ()
    """What had been asked for by hand in the time before, the latest last."""
    cause: str = ""
    """One word for it, see core.counting.cause; empty: of a version that did not say."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A request that is refused, since so many workers in a row died over it; until Unix time."""

    service: str
    method: str
    target: str
    fingerprint: str
    deaths: int
    until: float
