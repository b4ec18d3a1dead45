"""One cgroup for each process: its whole tree is in there, cannot leave, is counted and limited.

Version 2 alone, see cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst. The tree
looks like this, below the cgroup that systemd delegates to the daemon (Delegate=yes), below the
root of a container, or, for root, below a folder at the top:

    …/supervisor         the daemon, keeper, proxies: above limits there may be no members
    …/workers-NAME/api-1-COOKIE

Where systemd itself starts the next daemon, it does so in the cgroup above, and fails once that
passes controllers on; unless it is told to use the one below (DelegateSubgroup=supervisor, of
systemd 254). Else there are no limits then, only what members are there and an end for all.

Nothing is found where no such place can be written to; then limits are looked after by polling.
"""

import contextlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from webqx_supervisor.model.quota import Quota

SUPERVISOR = "supervisor"
WANTED = ("memory", "cpu", "pids")
"""The controllers, by the limits that they hold."""
_PERIOD = 100_000
"""µs over which a CPU quota is counted, the kernel's own default."""
_OWN = "webqx-sv"
"""The folder at the top that root makes where nothing is delegated."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a cgroup counts; None where its controller is not there. `memory`: without caches."""

    cpu_seconds: float | None
    memory: int | None
    pids: int | None


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the workers' cgroups are, and which limits can be set there."""

    folder: str = ""
    """"": nowhere, and `why_not` says why."""
    controllers: frozenset[str] = frozenset()
    why_not: str = "not looked for"

    def make(self, name: str, quota: Quota) -> str:
        """Make a cgroup with these limits; return its folder, or "". Raises OSError."""
        if not self.folder:
            return ""
        folder = f"{self.folder}/{name}"
        try:
            os.mkdir(folder)  # noqa: PTH102 - with hundreds of workers, paths are most of the cost
        except FileNotFoundError:  # somebody has tidied up
            os.makedirs(self.folder, exist_ok=True)  # noqa: PTH103
            _enable(os.path.dirname(self.folder))  # noqa: PTH120
            _enable(self.folder)
            os.mkdir(folder)  # noqa: PTH102
        try:
            for file, value in _limits(quota, self.controllers):
                _write(f"{folder}/{file}", value)
        except BaseException:
            remove(folder)
            raise
        return folder

    def strangers(self, known: Collection[str]) -> list[str]:
        """Return the folders here that are not among the `known` ones."""
        if not self.folder:
            return []
        with contextlib.suppress(OSError):
            there = [entry.path for entry in os.scandir(self.folder) if entry.is_dir()]
            return [folder for folder in there if folder not in known]
        return []

    def leave(self) -> None:
        """Remove what is empty by now."""
        if self.folder:
            remove(self.folder)
            above = os.path.dirname(self.folder)  # noqa: PTH120
            if above.endswith(f"/{_OWN}"):
                with contextlib.suppress(OSError):  # other daemons' workers are there
                    os.rmdir(above)  # noqa: PTH106


def find(name: str, *, by_systemd: bool = False) -> Ground:
    """Find where this process may have cgroups, and make a folder of this name there.

    `by_systemd`: it starts the next daemon.
    """
    try:
        folder, above = _place(*_seen(), name, by_systemd=by_systemd)
        for each in above:
            os.makedirs(each, exist_ok=True)  # noqa: PTH103 - as above
            _enable(each)
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        if above:
            _enable(folder)
        enabled = frozenset(_read(f"{folder}/cgroup.subtree_control").split()) & set(WANTED)
    except OSError as error:
        return Ground(why_not=f"{error.filename or 'cgroup'}: {error.strerror}")
    except LookupError as error:
        return Ground(why_not=str(error.args[0]))
    missing = ", ".join(each for each in WANTED if each not in enabled)
    why_not = f"there is no controller {missing}" if missing else ""
    if missing and not above:
        why_not = "systemd puts the next daemon there (DelegateSubgroup=supervisor is missing)"
    return Ground(folder, enabled, why_not)


def put(folder: str, pid: int) -> None:
    """Make a process a member, with the children that it will have. Raises OSError."""
    _write(f"{folder}/cgroup.procs", str(pid))


def members(folder: str) -> list[int]:
    """Return the pids in a cgroup and below it."""
    found = []
    for place in _folders(folder):
        with contextlib.suppress(OSError):
            found += [int(line) for line in _read(f"{place}/cgroup.procs").split()]
    return found


def kill(folder: str) -> None:
    """Kill all that are in it and below, those that are just being forked included; Linux 5.14."""
    with contextlib.suppress(OSError):
        _write(f"{folder}/cgroup.kill", "1")


def remove(folder: str) -> bool:
    """Remove a cgroup and those below it; False while there are members."""
    for place in reversed(list(_folders(folder))):
        with contextlib.suppress(OSError):
            os.rmdir(place)  # noqa: PTH106 - as above
    return not os.path.isdir(folder)  # noqa: PTH112


def oom_kills(folder: str) -> int:
    """Return how many members the kernel has killed for want of memory."""
    try:
        return _number_after("oom_kill", _read(f"{folder}/memory.events"))
    except OSError:
        return 0


def figures(folder: str) -> Figures:
    """Return what the members, those that have ended included, have used and use.

    Memory is without the pages of files, which can be had back at any time (memory.stat).
    """
    cpu = memory = pids = None
    with contextlib.suppress(OSError):
        cpu = _number_after("usage_usec", _read(f"{folder}/cpu.stat")) / 1e6
    with contextlib.suppress(OSError):
        stat = _read(f"{folder}/memory.stat")
        caches = sum(_number_after(word, stat) for word in ("active_file", "inactive_file"))
        memory = max(0, int(_read(f"{folder}/memory.current")) - caches)
    with contextlib.suppress(OSError):
        pids = int(_read(f"{folder}/pids.current"))
    return Figures(cpu, memory, pids)


def _limits(quota: Quota, controllers: Collection[str]) -> Iterator[tuple[str, str]]:
    if quota.memory and "memory" in controllers:
        yield "memory.max", str(quota.memory)
        yield "memory.oom.group", "1"  # a tree that has lost one of its own is not worth having
        yield "memory.swap.max", "0"
    if quota.pids and "pids" in controllers:
        yield "pids.max", str(quota.pids)
    if quota.cpu and "cpu" in controllers:
        yield "cpu.max", f"{max(1000, round(quota.cpu * _PERIOD))} {_PERIOD}"
    if quota.nice is not None and "cpu" in controllers:  # nice(2) counts only within a cgroup
        yield "cpu.weight.nice", str(quota.nice)


def _seen() -> tuple[str, str]:
    """Return where cgroup v2 is mounted, and this process' own cgroup below that, "" for the top.

    Raises LookupError where neither is seen.
    """
    lines = _read("/proc/self/cgroup").splitlines()
    path = next((line[3:] for line in lines if line.startswith("0::")), "/..")
    why_not = "no cgroup v2 is mounted"
    for mount, root in _mounts():
        top = root.rstrip("/")
        if "/.." not in path + root and f"{path}/".startswith(f"{top}/"):
            return mount, path.removeprefix(top).rstrip("/")
        why_not = "the cgroup of this process is not below what is mounted"
    raise LookupError(why_not)


def _mounts() -> Iterator[tuple[str, str]]:
    """Yield where cgroup v2 is mounted and not hidden, and which cgroup is seen there as root."""
    for line in _read("/proc/self/mountinfo").splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            _, _, _, root, mount, *_ = fields.split(" ")
            if os.path.exists(f"{mount}/cgroup.procs"):  # noqa: PTH110
                yield mount, root


def _place(mount: str, own: str, name: str, *, by_systemd: bool) -> tuple[str, list[str]]:
    """Return the folder for the workers, and those above it that are to pass controllers on."""
    workers = f"workers-{name}"
    if own.endswith(f"/{SUPERVISOR}") and _is_delegated(mount, own.removesuffix(f"/{SUPERVISOR}")):
        own = own.removesuffix(f"/{SUPERVISOR}")  # where the daemon before has put itself
        return f"{mount}{own}/{workers}", [f"{mount}{own}"]
    if _is_delegated(mount, own):
        if by_systemd:
            return f"{mount}{own}/{workers}", []
        _clear(f"{mount}{own}")
        return f"{mount}{own}/{workers}", [f"{mount}{own}"]
    if os.geteuid() != 0:
        raise LookupError(f"the cgroup {own or '/'} is not this user's (systemd: Delegate=yes)")
    if own.endswith(".service"):
        raise LookupError(f"the cgroup {own} is systemd's alone (Delegate=yes is missing)")
    return f"{mount}/{_OWN}/{workers}", [mount, f"{mount}/{_OWN}"]


def _is_delegated(mount: str, own: str) -> bool:
    """Say whether a cgroup is ours to shape: so says systemd, or it is a container's whole."""
    folder = f"{mount}{own}"
    if not os.access(f"{folder}/cgroup.procs", os.W_OK) or not os.access(folder, os.W_OK):
        return False
    if not own:
        return os.path.exists(f"{folder}/cgroup.type")  # noqa: PTH110 - the real root has none
    for attribute in ("trusted.delegate", "user.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(folder, attribute) == b"1":
                return True
    return False


def _clear(folder: str) -> None:
    """Move the members down: a cgroup with members passes no controllers on to others."""
    below = f"{folder}/{SUPERVISOR}"
    os.makedirs(below, exist_ok=True)  # noqa: PTH103
    for pid in _read(f"{folder}/cgroup.procs").split():
        with contextlib.suppress(OSError):  # it has just ended
            _write(f"{below}/cgroup.procs", pid)


def _enable(folder: str) -> None:
    there = _read(f"{folder}/cgroup.controllers").split()
    on = _read(f"{folder}/cgroup.subtree_control").split()
    for each in WANTED:
        if each in there and each not in on:
            with contextlib.suppress(OSError):  # then there is one limit less
                _write(f"{folder}/cgroup.subtree_control", f"+{each}")


def _folders(top: str) -> Iterator[str]:
    """Yield a cgroup and those below it, each before those below."""
    yield top
    with contextlib.suppress(OSError):
        for entry in os.scandir(top):
            if entry.is_dir(follow_symlinks=False):
                yield from _folders(entry.path)


def _number_after(word: str, text: str) -> int:
    lines = (line.split(" ") for line in text.splitlines())
    return next((int(number) for name, number in lines if name == word), 0)


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:  # noqa: PTH123
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(text)
