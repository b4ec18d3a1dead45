"""What there is of memory, and whether the kernel has killed for want of it.

Who was killed nobody is told without privileges; that somebody was, anybody may read.
"""

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def kills() -> int:
    """Return how many processes were killed so far for want of memory; 0 where nobody counts.

    `oom_kill` of memory.events (the kernel's cgroup-v2 documentation) in this process' cgroup, and
    of /proc/vmstat (proc(5)), whichever is higher: a cgroup's limit is not everybody's.
    """
    return max(
        _count(Path("/proc/vmstat"), "oom_kill"),
        _count(_own_cgroup() / "memory.events", "oom_kill"),
    )


def _own_cgroup() -> Path:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return _ROOT
    return _ROOT / next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")


def _count(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def headroom() -> tuple[int, int]:
    """Return the bytes that there are, and those that can be given out without swapping.

    As the kernel says of the machine (MemAvailable of proc(5)), or less by the limits of the
    cgroups that this process is in: there, file cache that could be dropped is not in use.
    """
    total, available = _of_the_machine()
    own = _own_cgroup()
    for folder in (own, *own.parents):
        if not folder.is_relative_to(_ROOT):
            break
        limit = _number(folder / "memory.max")
        if limit is not None:
            used = _number(folder / "memory.current") or 0
            cache = _count(folder / "memory.stat", "inactive_file")
            total, available = min(total, limit), min(available, limit - used + cache)
    return total, max(0, available)


def _of_the_machine() -> tuple[int, int]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        import psutil  # noqa: PLC0415 - heavy, and only where there is no /proc

        machine = psutil.virtual_memory()
        return machine.total, machine.available
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024


def _number(path: Path) -> int | None:
    """Return the number in a file of a cgroup; None where there is none, or it is `max`."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
