"""When a worker's tree is over what it may use, and what then: rules on figures, no figure taken.

The kernel holds `memory`, `cpu` and `pids` where it can (process.cgroups). Everything else is
looked at from time to time: what is near a limit more often, what has none never.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from webqx_supervisor.core.quarantine import OVER_MEMORY
from webqx_supervisor.model.quota import UNLIMITED, Quota

INTERVAL = 5.0
"""s between two looks at what is far from its limits."""
NEAR_INTERVAL = 1.0
NEAR = 0.8
"""From this share of a limit on it is looked at more often."""
LONGEST_WAIT = 3600.0
"""s; a worker that is too big from the start is replaced as often as this at least."""
CPU_WINDOW = 60.0
"""s over which the CPU quota is looked at, so that a burst is none of our business."""
_LOOKED_AT = f"looked at every {INTERVAL:g} s, every {NEAR_INTERVAL:g} s from {NEAR:.0%} on"


@dataclass(frozen=True, slots=True)
class Load:
    """What one tree uses: octets, processes and threads."""

    memory: int
    pids: int


def pause(quota: Quota, held: Collection[str], loads: Collection[Load]) -> float:
    """Return for how many s the trees under this quota need no look."""
    near = (
        limit for load in loads for limit, used in _limits(quota, held, load) if used > NEAR * limit
    )
    return INTERVAL if next(near, None) is None else NEAR_INTERVAL


def excess(quota: Quota, held: Collection[str], load: Load) -> str:
    """Return what a tree has too much of, so that it must end; "" if nothing.

    `held` are the limits that the kernel holds: there nobody else needs to.
    """
    if quota.memory and "memory" not in held and load.memory > quota.memory:
        return f"{OVER_MEMORY} of {size(quota.memory)}: {size(load.memory)}"
    if quota.pids and "pids" not in held and load.pids > quota.pids:
        return f"over its limit of {quota.pids} processes and threads: {load.pids}"
    return ""


def unheld(quota: Quota, held: Collection[str]) -> bool:
    """Say whether something that must not be exceeded is held by nobody but us."""
    wanted = (("memory", quota.memory), ("pids", quota.pids), ("cpu", quota.cpu))
    return any(limit and name not in held for name, limit in wanted)


def measures(quota: Quota, held: Collection[str]) -> tuple[str, ...]:
    """Return what a worker is held to, and by what means; for a person."""
    by_looking = f"{_LOOKED_AT}; killed"
    memory, pids = (
        f"cgroup {name}.max" if name in held else by_looking for name in ("memory", "pids")
    )
    cpu = "cgroup cpu.max" if "cpu" in held else "not held without a cgroup; more is an event"
    core = "unlimited" if quota.core == UNLIMITED else size(quota.core or 0)
    told = (
        (quota.memory_soft, f"memory_soft {size(quota.memory_soft)}: {_LOOKED_AT}; replaced"),
        (quota.memory, f"memory {size(quota.memory)}: {memory}"),
        (quota.cpu, f"cpu {quota.cpu:.0%}: {cpu}"),
        (quota.pids, f"pids {quota.pids}: {pids}"),
        (quota.nice is not None, f"nice {quota.nice}"),
        (quota.io, f"io {quota.io}"),
        (quota.cpus, f"cpus {', '.join(map(str, quota.cpus))}"),
        (quota.umask is not None, f"umask {quota.umask or 0:03o}"),
        (quota.nofile, f"nofile {quota.nofile}"),
        (quota.core is not None, f"core {core}"),
    )
    return tuple(text for is_given, text in told if is_given)


class Step(StrEnum):
    """What follows from a look at a worker beside its soft limit."""

    NOTHING = "nothing"
    WARN = "warn"
    """It is above, and waits, which is news."""
    WAIT = "wait"
    REPLACE = "replace"


class SoftLimit:
    """Whether replacing the worker of one place helps against its hunger.

    Who has served for a while before it came to the limit leaks, or has filled its caches: a
    fresh one helps. Who is above it in its first moments would be so again and again: the time
    that each serves at least doubles.
    """

    def __init__(self) -> None:
        self.due = 0.0
        """For how many s a worker that is above serves at least."""
        self._who = ""
        self._is_above = False
        self._was_below = False
        self._quick = 0

    def look(self, who: str, *, over: bool, served: float, healthy_after: float) -> Step:
        """Take in whether a worker is above that has served for so many s; return what follows."""
        if who != self._who:
            self._who, self._is_above, self._was_below = who, False, False
        if not over:
            self._is_above, self._was_below = False, True
            return Step.NOTHING
        is_news = not self._is_above
        if is_news:
            self._is_above = True
            self._came_to_it(served, healthy_after)
        if served >= self.due:
            return Step.REPLACE
        return Step.WARN if is_news else Step.WAIT

    def _came_to_it(self, served: float, healthy_after: float) -> None:
        first_look = not self._was_below and served < 2 * INTERVAL
        if served >= healthy_after and not first_look:
            self._quick, self.due = 0, 0.0
            return
        self._quick += 1
        self.due = min(LONGEST_WAIT, max(healthy_after, 2 * INTERVAL) * 2.0**self._quick)


class CpuQuota:
    """Whether one tree keeps to its CPU quota, looked at over CPU_WINDOW."""

    def __init__(self, quota: float) -> None:
        self._quota = quota
        self._then: tuple[float, float] | None = None
        self._told = False

    def read(self, now: float, cpu_seconds: float) -> float:
        """Take in a reading; return how many CPUs it had, when it begins to have too many."""
        if self._then is None:
            self._then = now, cpu_seconds
        then, used = self._then
        if now - then < CPU_WINDOW:
            return 0.0
        share = (cpu_seconds - used) / (now - then)
        self._then = now, cpu_seconds
        is_news = share > self._quota and not self._told
        self._told = share > self._quota
        return share if is_news else 0.0


def size(octets: float) -> str:
    """Return what a person reads: `512M`, `1.5G`."""
    for unit in ("", "k", "M", "G"):
        if octets < 1024 or unit == "G":
            break
        octets /= 1024
    return f"{octets:.1f}".removesuffix(".0") + unit


def _limits(quota: Quota, held: Collection[str], load: Load) -> list[tuple[int, int]]:
    limits = [(quota.memory_soft, load.memory)]
    if "memory" not in held:
        limits.append((quota.memory, load.memory))
    if "pids" not in held:
        limits.append((quota.pids, load.pids))
    return [(limit, used) for limit, used in limits if limit]
