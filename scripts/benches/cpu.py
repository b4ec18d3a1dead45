"""What processes have used: CPU time and memory, by pid."""

import time
from collections.abc import Iterable

import psutil

_SCHEDULED = 2  # CPUCLOCK_SCHED: all threads of the process, user + system, in ns


def seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds used so far, to the nanosecond where /proc/PID/stat has 10 ms.

    It is the same sum_exec_runtime that utime + stime of /proc/PID/stat are scaled to. The
    clock's number is the one that clock_getcpuclockid(3) makes of a pid.
    """
    return sum(time.clock_gettime(~pid << 3 | _SCHEDULED) for pid in pids)


def busy() -> float:
    """Return the CPU seconds that all CPUs together were not idle since the boot."""
    times = psutil.cpu_times()
    return sum(times[:3]) + times.irq + times.softirq + times.steal


def resident(pids: Iterable[int]) -> int:
    """Return the resident set size in bytes, summed over the processes."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids)


def tree(pid: int) -> tuple[int, ...]:
    """Return the pid and those of all its descendants."""
    return (pid, *(child.pid for child in psutil.Process(pid).children(recursive=True)))
