"""What the numbers say that were counted: histograms, and what came of all requests."""

from collections.abc import Iterable
from dataclasses import dataclass

from webqx_supervisor.core.counting import (
    ANSWERED,
    ANSWERS_BUCKETS,
    ANSWERS_MICROS,
    BOUNDS,
    BUCKETS,
    CLASSES,
    ERRORS,
    IN_FLIGHT,
    OTHER,
    OTHER_STATUS,
    RECEIVED,
    RETRIES,
    SENT,
    WAITED_BUCKETS,
    WAITED_MICROS,
    WAITING,
    WORKER_BUCKETS,
    WORKER_FAILED,
    WORKER_MICROS,
    Entries,
    Key,
    Kind,
    Numbers,
)
from webqx_supervisor.model.history import Served


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often something took how long: a count for each bucket, and s in all."""

    buckets: tuple[int, ...] = (0,) * BUCKETS
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.buckets)

    def __add__(self, other: "Histogram") -> "Histogram":
        """Return both together."""
        pairs = zip(self.buckets, other.buckets, strict=True)
        return Histogram(tuple(a + b for a, b in pairs), self.seconds + other.seconds)

    def __sub__(self, earlier: "Histogram") -> "Histogram":
        """Return what has come since an earlier look."""
        pairs = zip(self.buckets, earlier.buckets, strict=True)
        return Histogram(
            tuple(max(0, a - b) for a, b in pairs), max(0.0, self.seconds - earlier.seconds)
        )

    def cumulative(self) -> list[int]:
        """Return, for each bound and for any time at all, how many took no longer."""
        total, sums = 0, []
        for each in self.buckets:
            total += each
            sums.append(total)
        return sums

    def quantile(self, share: float) -> float | None:
        """Return the s within which this share of all (0.99, say) was done; None if there are none.

        Between two bounds it is taken for even, as histogram_quantile() of Prometheus does; what
        took longer than the last bound counts as that.
        """
        count = self.count
        if not count:
            return None
        rank, below, floor = share * count, 0, 0.0
        for bound, each in zip(BOUNDS, self.buckets, strict=False):
            if each and below + each >= rank:
                return floor + (bound - floor) * max(0.0, rank - below) / each
            below, floor = below + each, bound
        return BOUNDS[-1]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What came of the requests of a route, a service or a worker so far, over all proxies."""

    in_flight: int = 0
    answered: tuple[int, ...] = (0,) * CLASSES
    """By class of the status: 1xx first."""
    durations: Histogram = Histogram()
    """Of what has an end: no WebSocket, no event stream."""
    retries: int = 0
    failures: int = 0
    """Of a worker: requests that it failed."""
    errors: tuple[tuple[int, int], ...] = ()
    """(status, how many) of what the proxy itself said; see CUT."""
    sent: int = 0
    received: int = 0

    @property
    def requests(self) -> int:
        """All that were answered, or given up."""
        return sum(self.answered)

    def __add__(self, other: "Traffic") -> "Traffic":
        """Return both together."""
        errors = dict(self.errors)
        for status, count in other.errors:
            errors[status] = errors.get(status, 0) + count
        return Traffic(
            self.in_flight + other.in_flight,
            tuple(a + b for a, b in zip(self.answered, other.answered, strict=True)),
            self.durations + other.durations,
            self.retries + other.retries,
            self.failures + other.failures,
            tuple(sorted(errors.items())),
            self.sent + other.sent,
            self.received + other.received,
        )


def served(before: Traffic, after: Traffic, span: float) -> Served:
    """Return what came of requests in the `span` s between two looks."""
    answered = [max(a - b, 0) for a, b in zip(after.answered, before.answered, strict=True)]
    quiet = after.durations == before.durations  # as most are, and then there is less to do
    durations = Histogram() if quiet else after.durations - before.durations
    return Served(
        span, sum(answered), answered[4], durations.quantile(0.5), durations.quantile(0.99)
    )


def histogram(numbers: Numbers, micros: int, first: int) -> Histogram:
    """Return the histogram whose sum stands at `micros`, and its buckets from `first` on."""
    return Histogram(tuple(numbers[first : first + BUCKETS]), numbers[micros] / 1e6)


def by_route(entries: Entries) -> dict[tuple[str, str], Traffic]:
    """Return the traffic of each (route, service)."""
    found: dict[tuple[str, str], Traffic] = {}
    for key, numbers in entries.items():
        if key[0] in (Kind.ROUTE, Kind.ANSWERS, Kind.ERRORS):
            whose = (key[1], key[2])
            found[whose] = found.get(whose, Traffic()) + _part(key, numbers)
    return found


def by_service(entries: Entries) -> dict[str, Traffic]:
    """Return the traffic of each service: that of all routes that lead to it."""
    found: dict[str, Traffic] = {}
    for (_, service), traffic in by_route(entries).items():
        found[service] = found.get(service, Traffic()) + traffic
    return found


def by_worker(entries: Entries) -> dict[tuple[str, int], Traffic]:
    """Return what each (service, instance) has answered, and failed."""
    return {
        (key[1], int(key[2])): Traffic(
            answered=tuple(numbers[:CLASSES]),
            durations=histogram(numbers, WORKER_MICROS, WORKER_BUCKETS),
            failures=numbers[WORKER_FAILED],
        )
        for key, numbers in entries.items()
        if key[0] == Kind.WORKER and key[2] != OTHER
    }


def waits(entries: Entries) -> dict[str, tuple[int, Histogram]]:
    """Return, for each service, how many wait for a worker now, and how long others have."""
    return {
        key[1]: (numbers[WAITING], histogram(numbers, WAITED_MICROS, WAITED_BUCKETS))
        for key, numbers in entries.items()
        if key[0] == Kind.QUEUE
    }


def _part(key: Key, numbers: Numbers) -> Traffic:
    """Return what one entry says of the traffic of its route."""
    match key[0]:
        case Kind.ROUTE:
            return Traffic(
                in_flight=max(0, numbers[IN_FLIGHT]),
                retries=numbers[RETRIES],
                sent=numbers[SENT],
                received=numbers[RECEIVED],
            )
        case Kind.ANSWERS:
            which = int(key[3]) if key[3].isdecimal() else 0
            answered = [numbers[ANSWERED] if each == which else 0 for each in range(1, CLASSES + 1)]
            durations = histogram(numbers, ANSWERS_MICROS, ANSWERS_BUCKETS)
            return Traffic(answered=tuple(answered), durations=durations)
        case _:
            return Traffic(errors=_errors(numbers))


def _errors(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    statuses = (*ERRORS, OTHER_STATUS)
    return tuple((status, n) for status, n in zip(statuses, numbers, strict=False) if n)
