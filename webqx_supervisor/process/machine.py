"""Readings of this machine for `doctor`: numbers as they are, no opinion on them.

None, or what the docstring says, stands for what this system does not tell.
"""

import ctypes
import glob
import os
import resource
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_SIZE = 512  # struct timex is 208 octets on 64 bit systems, and may grow
_CAP_NET_BIND_SERVICE = 10  # capabilities(7)
_CGROUPS = Path("/sys/fs/cgroup")


def number(path: str) -> int | None:
    """Return the number that a file of /proc/sys holds."""
    text = _text(Path(path)).strip()
    return int(text) if text.isdecimal() else None


def port_range() -> tuple[int, int] | None:
    """Return the first and last port of outgoing connections, ip(7)."""
    words = _text(Path("/proc/sys/net/ipv4/ip_local_port_range")).split()
    return (int(words[0]), int(words[1])) if len(words) == 2 else None


def reserved_ports() -> str:
    """Return the ports that are excepted from that range, as `3000,3001-3004`."""
    return _text(Path("/proc/sys/net/ipv4/ip_local_reserved_ports")).strip()


def first_unprivileged_port() -> int:
    """Return the lowest port that everybody may listen on, ip(7)."""
    if sys.platform == "darwin":
        return 0  # macOS lets everybody, on the wildcard address
    found = number("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    return 1024 if found is None else found


def may_bind_low() -> bool:
    """Say whether this process may listen below: root, or CAP_NET_BIND_SERVICE."""
    for line in _text(Path("/proc/self/status")).splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_NET_BIND_SERVICE & 1)
    return os.geteuid() == 0


def hard_nofile() -> int:
    """Return the hard limit of open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def has_pidfd() -> bool:
    """Say whether pidfd_open(2) works."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return False
    return True


def room(folder: Path) -> tuple[int, int]:
    """Return how many octets and files this user can still write there. Raises OSError."""
    found = os.statvfs(_nearest(folder))
    files = found.f_favail if found.f_files else sys.maxsize  # btrfs counts none
    return found.f_bavail * found.f_frsize, files


def why_not_writable(folder: Path) -> str:
    """Say why this user could not make or use a folder; nothing when it could."""
    place = _nearest(folder)
    if not place.is_dir():
        return f"{place} is not a folder"
    if os.access(place, os.W_OK | os.X_OK):
        return ""
    return f"this user may not write into {place}"


def clock_is_synchronised() -> bool | None:
    """Return what the kernel says of its clock, adjtimex(2)."""
    if sys.platform != "linux":
        return None
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE))
    return None if state < 0 else state != _TIME_ERROR


def time_zone() -> str:
    """Return the machine's time zone by its IANA name, or its abbreviation."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if named:
        return named
    place = str(Path("/etc/localtime").resolve())
    return place.partition("zoneinfo/")[2] or time.tzname[0]


def cgroup() -> tuple[int, bool]:
    """Return the version of the cgroups (0: none) and whether this process may divide its own."""
    if not (_CGROUPS / "cgroup.controllers").exists():
        return (1 if _CGROUPS.is_dir() else 0), False
    lines = _text(Path("/proc/self/cgroup")).splitlines()
    own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    return 2, os.access(_CGROUPS / own, os.W_OK) and os.access(
        _CGROUPS / own / "cgroup.procs", os.W_OK
    )


def memory() -> tuple[int, int, int, int]:
    """Return octets: memory in all, available, swap in all, used."""
    import psutil  # noqa: PLC0415 - one reading needs it

    main, swap = psutil.virtual_memory(), psutil.swap_memory()
    return main.total, main.available, swap.total, swap.used


def folders_below(paths: Iterable[str], most: int) -> int:
    """Count the folders of these trees, up to `most`; links are not followed."""
    count = 0
    for path in paths:
        for _ in os.walk(path):
            count += 1
            if count >= most:
                return count
    return count


def inotify_instances() -> int:
    """Count the inotify(7) instances of this user's processes."""
    count = 0
    for descriptor in glob.iglob("/proc/[0-9]*/fd/*"):  # noqa: PTH207 - that one fails when a process ends
        with suppress(OSError):  # ended meanwhile, or another user's
            count += os.readlink(descriptor) == "anon_inode:inotify"  # noqa: PTH115 - no path
    return count


def _nearest(path: Path) -> Path:
    """Return the path itself, or what there is of the way to it."""
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
