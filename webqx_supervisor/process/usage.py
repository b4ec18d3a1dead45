"""What one process has used so far."""

from dataclasses import dataclass

import psutil

from webqx_supervisor.process import table


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_seconds` counts user and system time since the start; `rss_bytes` is now."""

    cpu_seconds: float
    rss_bytes: int


def sample(pid: int) -> Usage | None:
    """Return the usage of one process, without its children; None when it has ended."""
    found = table.entry(pid)
    if found is None or not found.running:
        return None
    return Usage(found.cpu_seconds, found.rss_bytes)


def descriptors(pid: int) -> int | None:
    """Return how many descriptors a process has open; None when it is gone or another user's."""
    try:
        return psutil.Process(pid).num_fds()
    except (psutil.Error, OSError):
        return None
