"""Whether the kernel has killed for want of memory, counted since the boot or in this cgroup.

Who was killed nobody is told without privileges; that somebody was, anybody may read.
"""

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def kills() -> int:
    """Return how many processes were killed so far for want of memory; 0 where nobody counts.

    `oom_kill` of memory.events (the kernel's cgroup-v2 documentation) in this process' cgroup, and
    of /proc/vmstat (proc(5)), whichever is higher: a cgroup's limit is not everybody's.
    """
    return max(_count(Path("/proc/vmstat")), _count(_own_cgroup() / "memory.events"))


def _own_cgroup() -> Path:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return _ROOT
    return _ROOT / next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")


def _count(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
