"""What Linux says of processes: proc(5), read by hand at a fraction of what psutil costs."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STAT_BYTES = 4096  # one line of 52 numbers and a name of 64 bytes at most
_DEAD = frozenset(b"ZXx")


@dataclass(frozen=True, slots=True)
class Entry:
    """One process of the process table. `start_time` is in units of the platform's own."""

    pid: int
    parent: int
    group: int
    session: int
    start_time: int
    running: bool
    """False for a zombie: it holds its pid, but it is past doing anything."""
    cpu_seconds: float
    rss_bytes: int
    threads: int = 1
    buried_cpu_seconds: float = 0.0
    """What children used that have ended and been waited for, and theirs."""


def boot_id() -> str:
    """Return what names this boot of the machine (random(4)); differs after every reboot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def age(start_time: int) -> float:
    """Return for how long, in s, there has been a process of this start time, as of now.

    Whatever the wall clock has been set to since: both are counted from the boot.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start_time / _TICKS


def entry(pid: int) -> Entry | None:
    """Return the entry of `pid`, zombies included; None when there is no such process."""
    try:
        stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return _parse(os.read(stat, _STAT_BYTES))
    except ProcessLookupError:  # it was reaped between open and read
        return None
    finally:
        os.close(stat)


def entries() -> Iterator[Entry]:
    """Yield every process of the machine."""
    for name in os.listdir("/proc"):  # noqa: PTH208 - a Path per process would double the cost
        if name.isdigit() and (found := entry(int(name))) is not None:
            yield found


def descriptors(pid: int) -> int | None:
    """Return how many descriptors a process has open; None when it is gone or another user's."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - as above
    except OSError:
        return None


def environment(pid: int) -> list[bytes]:
    """Return the `NAME=value` pairs that `pid` was executed with; empty where not readable."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, a kernel thread, or another user's
        return []


def _parse(line: bytes) -> Entry:
    # Field 2, the name, may itself hold blanks and parentheses: the last ")" ends it.
    pid, _, rest = line.partition(b" (")
    fields = rest[rest.rindex(b")") + 2 :].split()  # fields[0] is field 3 of proc(5)
    return Entry(
        pid=int(pid),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        start_time=int(fields[19]),
        running=fields[0][0] not in _DEAD,
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        rss_bytes=int(fields[21]) * _PAGE,
        threads=int(fields[17]),
        buried_cpu_seconds=(int(fields[13]) + int(fields[14])) / _TICKS,
    )
