"""The answers of `procfs` where there is no /proc, by psutil: slower, the same values."""

import contextlib
import os
import time
from collections.abc import Iterator

import psutil

from webqx_supervisor.process.procfs import Entry


def boot_id() -> str:
    """Return the time of the boot, which names it."""
    return str(round(psutil.boot_time()))


def age(start_time: int) -> float:
    """Return for how long, in s, there has been a process of this start time, as of now."""
    return time.time() - start_time / 100


def entry(pid: int) -> Entry | None:
    """Return the entry of `pid`, zombies included; None when there is no such process."""
    try:
        return _read(psutil.Process(pid))
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


def entries() -> Iterator[Entry]:
    """Yield every process of the machine that this user may ask about."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            yield _read(process)


def descriptors(pid: int) -> int | None:
    """Return how many descriptors a process has open; None when it is gone or another user's."""
    try:
        return psutil.Process(pid).num_fds()
    except (psutil.Error, OSError):
        return None


def environment(pid: int) -> list[bytes]:
    """Return the `NAME=value` pairs that `pid` was executed with; empty where not readable."""
    try:
        pairs = psutil.Process(pid).environ().items()
    except (psutil.Error, OSError):
        return []
    return [os.fsencode(f"{name}={value}") for name, value in pairs]


def _read(process: psutil.Process) -> Entry:
    with process.oneshot():
        cpu, rss, threads = 0.0, 0, 1
        with contextlib.suppress(psutil.AccessDenied, psutil.ZombieProcess):
            times = process.cpu_times()
            cpu, rss = times.user + times.system, process.memory_info().rss
            threads = process.num_threads()
        return Entry(
            pid=process.pid,
            parent=process.ppid(),
            group=os.getpgid(process.pid),
            session=os.getsid(process.pid),
            start_time=round(process.create_time() * 100),
            running=process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD},
            cpu_seconds=cpu,
            rss_bytes=rss,
            threads=threads,
        )
