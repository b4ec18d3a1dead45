"""What processes have used so far, and use: one alone, or the whole tree of a worker."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from webqx_supervisor.process import cgroups, table
from webqx_supervisor.process.table import Entry


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_seconds` counts user and system time since the start; the others are now.

    Of a tree, `rss_bytes` is what its cgroup is charged for beside caches; without a cgroup it is
    the sum of its processes, in which pages that they share count for each.
    """

    cpu_seconds: float
    rss_bytes: int
    processes: int = 1
    threads: int = 1
    charged: bool = False
    """Whether a cgroup has told the memory."""


def sample(pid: int) -> Usage | None:
    """Return the usage of one process, without its children; None when it has ended."""
    found = table.entry(pid)
    if found is None or not found.running:
        return None
    return Usage(found.cpu_seconds, found.rss_bytes, threads=found.threads)


def of_tree(entries: Iterable[Entry], cgroup: str = "") -> Usage:
    """Return the usage of the processes of one tree."""
    found = list(entries)
    counted = cgroups.figures(cgroup) if cgroup else cgroups.Figures(None, None, None)
    cpu_seconds = sum(each.cpu_seconds + each.buried_cpu_seconds for each in found)
    rss_bytes = sum(each.rss_bytes for each in found)
    threads = sum(each.threads for each in found)
    return Usage(
        cpu_seconds if counted.cpu_seconds is None else counted.cpu_seconds,
        rss_bytes if counted.memory is None else counted.memory,
        len(found),
        threads if counted.pids is None else counted.pids,
        counted.memory is not None,
    )


def of_trees(
    trees: Mapping[str, Sequence[Entry]], groups: Mapping[str, str], memory: int = 0
) -> dict[str, Usage]:
    """Return the usage of those trees that have a cgroup or "" in `groups`, and a living process.

    Where more octets than `memory` seem to be in use, it is looked at more closely.
    """
    found = {}
    for name, group in groups.items():
        if entries := trees.get(name):
            used = of_tree(entries, group)
            if memory and used.rss_bytes > memory and not used.charged:
                used = replace(used, rss_bytes=shared_out(entries))
            found[name] = used
    return found


def shared_out(entries: Iterable[Entry]) -> int:
    """Return the memory of these processes, each page that several share counted once.

    Some ms for a large process (Pss of /proc/PID/smaps_rollup, proc(5)); where it may not be
    read, all that is resident counts.
    """
    return sum(_pss(each) for each in entries)


def _pss(entry: Entry) -> int:
    try:
        lines = Path(f"/proc/{entry.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return entry.rss_bytes
    kib = [int(line.split()[1]) for line in lines if line.startswith(("Pss:", "SwapPss:"))]
    return sum(kib) * 1024 if kib else entry.rss_bytes
