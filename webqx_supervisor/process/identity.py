"""Which process is meant: a pid alone is reused, a pid with its start time and boot is not."""

import functools
from dataclasses import dataclass

from webqx_supervisor.process import table


@dataclass(frozen=True, slots=True)
class Identity:
    """Names one process for good, also for a daemon that did not start it.

    `start_time` counts clock ticks since boot on Linux (field 22 of /proc/PID/stat, proc(5)).
    """

    pid: int
    start_time: int
    boot_id: str


@functools.cache
def boot_id() -> str:
    """Return the name of this boot of the machine."""
    return table.boot_id()


def start_time(pid: int) -> int | None:
    """Return when the process that has `pid` now was started; None when there is none."""
    found = table.entry(pid)
    return None if found is None else found.start_time


def identify(pid: int) -> Identity | None:
    """Return the identity of the process that has `pid` now, a zombie too."""
    started = start_time(pid)
    return None if started is None else Identity(pid, started, boot_id())


def alive(identity: Identity) -> bool:
    """Say whether this very process still runs; a zombie does not."""
    found = table.entry(identity.pid)
    return (
        found is not None
        and found.running
        and found.start_time == identity.start_time
        and identity.boot_id == boot_id()
    )
