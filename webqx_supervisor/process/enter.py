"""What only a process can do to itself, done between its birth and its command.

spawn.start runs this file as a program of its own, `python -I -S enter.py SETTINGS COMMAND…`, for
processes that are born with an Entry; it becomes the command by execve(2), so the pid stays. It
uses the standard library alone, and little of that: each import is time of every such start.
"""

import fcntl
import json
import os
import signal
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

NOT_RUN = 127
"""The exit code where the command could not be run, as a shell's."""

_IOPRIO_CALL = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282}
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_BIND, _MS_REC, _MS_SLAVE = 4096, 16384, 1 << 19


class Refused(Exception):  # noqa: N818 - a word for what happened, as the others are
    """One of the settings cannot be had: which, and why."""


def main(arguments: list[str]) -> None:
    """Take on the settings and become the command; tell what went wrong by the pipe `report`.

    Nothing is written to it, and it is closed, once the command runs.
    """
    settings: Mapping[str, Any] = json.loads(arguments[0])
    command = arguments[1:]
    wanted = dict(settings["descriptors"])
    lowest = max(wanted, default=2) + 1
    report = _copy(settings["report"], lowest)
    try:
        if settings["terminal"]:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if settings["account"] is not None:
            hand_over_outputs(**settings["account"])
        take_on(settings)
        _place(wanted, lowest)
        become(command, _environment(settings))
    except Refused as error:
        fault: dict[str, Any] = {"text": str(error)}
    except OSError as error:
        fault = {"errno": error.errno}
    os.write(report, json.dumps(fault).encode())
    sys.exit(NOT_RUN)


def become(command: list[str], env: Mapping[str, str]) -> None:
    """Run the command in this process's place. Raises OSError."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by this interpreter, and it is inherited
        signal.signal(ignored, signal.SIG_DFL)
    os.execvpe(command[0], command, env)  # noqa: S606 - no shell is the point


def take_on(settings: Mapping[str, Any]) -> None:
    """Take on what makes a process what it is, the rights that the rest needs last of all.

    Raises Refused.
    """
    if settings["cgroup"]:
        join(settings["cgroup"])
    if settings["tmp"]:
        hide_tmp(settings["tmp"])
    for name, value in settings["rlimits"]:
        limit(name, value)
    if settings["nice"] is not None:
        be_nice(settings["nice"])
    if settings["ioprio"] is not None:
        take_turn_at_disks(settings["ioprio"])
    if settings["cpus"]:
        run_on(set(settings["cpus"]))
    if settings["umask"] is not None:
        os.umask(settings["umask"])
    if settings["no_new_privileges"]:
        _call("no_new_privileges", "prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if settings["account"] is not None:  # last: nothing may be readable for the other user
        become_user(**settings["account"])


def join(folder: str) -> None:
    """Become a member of a cgroup, with all threads and children to come (cgroups(7))."""
    with _refusal(f"cannot join the cgroup {folder}"):
        _write(f"{folder}/cgroup.procs", "0")


def limit(name: str, value: int) -> None:
    """Set a limit of setrlimit(2), soft and hard; -1 is none."""
    import resource  # noqa: PLC0415 - seldom wanted

    kind = getattr(resource, f"RLIMIT_{name.upper()}")
    _, highest = resource.getrlimit(kind)
    wanted = resource.RLIM_INFINITY if value < 0 else value
    try:
        resource.setrlimit(kind, (wanted, wanted))
    except (ValueError, OSError):
        raise Refused(
            f"{name} = {value if value >= 0 else 'unlimited'} is more than the {highest} that this "
            f"daemon may grant; raise its hard limit (ulimit -H, Limit{name.upper()}= of systemd)"
        ) from None


def be_nice(value: int) -> None:
    """Set the nice value, which the scheduler may read of the session instead (sched(7))."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    with _refusal(f"nice = {value}: only root may go below {now}"):
        os.setpriority(os.PRIO_PROCESS, 0, value)
    with suppress(OSError):
        _write("/proc/self/autogroup", str(value))


def take_turn_at_disks(value: int) -> None:
    """Set the I/O priority, class and level in one (ioprio_set(2); libc has no name for it)."""
    number = _IOPRIO_CALL.get(os.uname().machine)
    if sys.platform != "linux" or number is None:
        raise Refused("io: this system knows no turns at disks")
    _call("io: only root may ask for that", "syscall", number, 1, 0, value)  # 1: one process


def run_on(cpus: set[int]) -> None:
    """Run on these CPUs alone."""
    if not hasattr(os, "sched_setaffinity"):
        raise Refused("cpus: this system binds no process to CPUs")
    before = os.sched_getaffinity(0)
    with suppress(OSError):
        os.sched_setaffinity(0, cpus)
    # The kernel leaves out silently what is not there.
    if os.sched_getaffinity(0) != cpus:
        absent = ", ".join(str(each) for each in sorted(cpus - before)) or "?"
        there = ", ".join(str(each) for each in sorted(before))
        raise Refused(f"cpus: CPU {absent} is not among those that the daemon has: {there}")


def hand_over_outputs(name: str, uid: int, gid: int, **_: object) -> None:
    """Have the user own the pipes of the output: they may be opened anew, as /dev/stdout."""
    if _is_already(uid, gid):
        return
    with _refusal_to_become(name):
        for output in (1, 2):
            os.fchown(output, uid, -1)


def become_user(name: str, uid: int, gid: int, groups: Sequence[int], **_: str) -> None:
    """Give up the rights of whoever started this, for good."""
    if _is_already(uid, gid):
        return
    with _refusal_to_become(name):
        os.setgroups(groups)
        os.setresgid(gid, gid, gid) if hasattr(os, "setresgid") else os.setgid(gid)
        os.setresuid(uid, uid, uid) if hasattr(os, "setresuid") else os.setuid(uid)
    cwd = os.getcwd()  # noqa: PTH109 - pathlib is time of every start
    with _refusal(f"the folder {cwd} may not be entered by {name}"):
        os.chdir(".")


def _is_already(uid: int, gid: int) -> bool:
    return os.geteuid() == uid and os.getegid() == gid and os.geteuid() != 0


@contextmanager
def _refusal_to_become(name: str) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise Refused(f"the daemon runs as {_own_name()} and cannot become {name}") from None


def hide_tmp(folder: str) -> None:
    """See the two folders in `folder` in the place of /tmp and /var/tmp, as nobody else does."""
    if sys.platform != "linux":
        raise Refused("private_tmp: this system has no mount namespaces")
    uid, gid = os.geteuid(), os.getegid()
    what = "private_tmp: no mount namespace for this user; it takes root, or user namespaces"
    _call(what, "unshare", _CLONE_NEWNS if uid == 0 else _CLONE_NEWNS | _CLONE_NEWUSER)
    if uid != 0:
        with _refusal(what):
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{uid} {uid} 1"),
                ("gid_map", f"{gid} {gid} 1"),
            ):
                _write(f"/proc/self/{name}", text)
    _mount("none", "/", _MS_REC | _MS_SLAVE)  # what is mounted here stays here
    places = {"tmp": "/tmp", "var-tmp": "/var/tmp"}  # noqa: S108 - it is the point
    with _refusal(f"private_tmp: no {folder}"):  # which may itself be in what is hidden first
        sources = {name: os.open(f"{folder}/{name}", os.O_RDONLY) for name in places}
    for name, place in places.items():
        if os.access(place, os.F_OK):
            _mount(f"/proc/self/fd/{sources[name]}", place, _MS_BIND)


def _mount(source: str, target: str, flags: int) -> None:
    what = f"private_tmp: nothing can be mounted on {target}"
    _call(what, "mount", source.encode(), target.encode(), None, flags, None)


def _call(what: str, function: str, *arguments: object) -> None:
    """Call into libc. Raises Refused with `what` and the kernel's reason."""
    import ctypes  # noqa: PLC0415 - seldom wanted, and some ms

    longs = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*longs) < 0:
        raise Refused(f"{what} ({os.strerror(ctypes.get_errno())})")


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


@contextmanager
def _refusal(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(f"{what} ({error.strerror})") from None


def _own_name() -> str:
    import pwd  # noqa: PLC0415 - for an error alone

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _environment(settings: Mapping[str, Any]) -> dict[str, str]:
    env = dict(os.environ)
    env.pop("LC_CTYPE", None)  # set by this interpreter (PEP 538)
    if settings["locale"] is not None:
        env["LC_CTYPE"] = settings["locale"]
    for name in settings["pid_variable"].split():
        env[name] = str(os.getpid())
    return env


def _place(wanted: Mapping[int, int], lowest: int) -> None:
    """Give each descriptor the number that it is wanted under; numbers from `lowest` on are free.

    They may be given in any order, under each other's numbers.
    """
    copies = {number: _copy(given, lowest) for number, given in wanted.items()}
    for number, copy in copies.items():
        os.dup2(copy, number)  # is inherited, which the copy is not


def _copy(descriptor: int, lowest: int) -> int:
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
    os.close(descriptor)
    return copy


if __name__ == "__main__":
    main(sys.argv[1:])
