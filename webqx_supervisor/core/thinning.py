"""Many points of the past as few, without one that was bad going missing."""

from collections.abc import Sequence

from webqx_supervisor.model.history import Point


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most so many points, oldest first: as many neighbours made one as that takes."""
    step = -(-len(points) // most) or 1
    if step == 1:
        return list(points)
    first = len(points) % step or step  # the newest one is whole
    starts = [0, *range(first, len(points), step)]
    return [
        _one(points[at:until])
        for at, until in zip(starts, [*starts[1:], len(points)], strict=True)
        if at < until
    ]


def _one(points: Sequence[Point]) -> Point:
    """Return what stands for neighbours: sums, the mean of what is usual, the worst of the rest.

    `span` is the time that was looked at, which is less than what lies between two points where
    nobody has looked for a while.
    """
    span = sum(each.span for each in points)
    return Point(
        at=points[-1].at,
        span=span,
        up_s=sum(each.up_s for each in points),
        due_s=sum(each.due_s for each in points),
        requests=sum(each.requests for each in points),
        errors=sum(each.errors for each in points),
        p50=_mean([(each.p50, each.requests) for each in points]),
        p99=max((each.p99 for each in points if each.p99 is not None), default=None),
        in_flight=max(each.in_flight for each in points),
        cpu_percent=sum(each.cpu_percent * each.span for each in points) / span if span else 0.0,
        rss_bytes=max(each.rss_bytes for each in points),
        workers_up=min(each.workers_up for each in points),
        restarts=max(each.restarts for each in points),
    )


def _mean(weighted: Sequence[tuple[float | None, int]]) -> float | None:
    """Return the mean of those that are known, each counted so often."""
    known = [(value, weight) for value, weight in weighted if value is not None]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else None
