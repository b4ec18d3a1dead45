"""What a worker's process is given before its birth: limits, a cgroup, a user, a /tmp."""

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

from webqx_supervisor.config.accounts import account
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.quota import Account, Privileges, Quota
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import cgroups
from webqx_supervisor.process.cgroups import Ground
from webqx_supervisor.process.spawn import Entry

_IO_CLASSES = {"realtime": 1, "best-effort": 2, "idle": 3}
_IO_CLASS_SHIFT = 13
"""ioprio_set(2): the class is above so many bits of level."""


@dataclass(frozen=True, slots=True)
class Means:
    """Those of one process. `env` is what its environment says of them."""

    entry: Entry
    cgroup: str
    tmp: str
    env: Mapping[str, str]

    async def settle(self, pid: int) -> None:
        """Put it into its cgroup, unless it went there by itself; for the sake of its end alone.

        What it has started by then is found as it would be without a cgroup.
        """
        if self.cgroup and not self.entry.cgroup:
            try:  # the kernel may take some ms for it
                await trio.to_thread.run_sync(cgroups.put, self.cgroup, pid)
            except OSError:  # it has ended
                return

    def withdraw(self) -> None:
        """Take all away again: it was not born."""
        if self.cgroup:
            cgroups.remove(self.cgroup)
        if self.tmp:
            shutil.rmtree(self.tmp, ignore_errors=True)


async def provide(
    service: Service, instance: int, cookie: str, ground: Ground, private: Path
) -> Means:
    """Make ready what `service` says for the process with this cookie. Raises CannotStart."""
    quota, privileges = service.quota, service.privileges
    user, env = identity(service)
    tmp = _make_tmp(private / cookie) if privileges.private_tmp else ""
    cgroup = ""
    try:
        cgroup = ground.make(f"{service.name}-{instance}-{cookie}", quota)
    except OSError as error:
        if quota.bounds_the_tree:
            await discard(private, cookie)
            raise CannotStart(f"no cgroup for it, {error.filename}: {error.strerror}") from error
    # What counts the tree has to count it from the first instant.
    entry = _entry(quota, privileges, cgroup if quota.bounds_the_tree else "", tmp, user)
    return Means(entry, cgroup, tmp, env)


async def discard(private: Path, cookie: str) -> None:
    """Remove the /tmp of a process that has ended, if it had one."""
    tmp = private / cookie
    if os.access(tmp, os.F_OK):
        await trio.to_thread.run_sync(lambda: shutil.rmtree(tmp, ignore_errors=True))


async def clear(
    ground: Ground, private: Path, groups: Collection[str], cookies: Collection[str]
) -> None:
    """Remove all that is not of these cgroups and cookies: leavings of a daemon that was killed.

    What still lives there was born in that daemon's last instant, and nobody knows of it.
    """
    for folder in ground.strangers(groups):
        cgroups.kill(folder)
        with trio.move_on_after(1):
            while not cgroups.remove(folder):  # noqa: ASYNC110 - a cgroup tells it only to inotify
                await trio.sleep(0.01)
    for cookie in _names(private):
        if cookie not in cookies:
            await discard(private, cookie)


def _names(folder: Path) -> list[str]:
    try:
        return [each.name for each in folder.iterdir()]
    except FileNotFoundError:
        return []


def _entry(
    quota: Quota, privileges: Privileges, cgroup: str, tmp: str, user: Account | None
) -> Entry:
    limits = (("nofile", quota.nofile), ("core", quota.core))
    return Entry(
        cgroup=cgroup,
        tmp=tmp,
        rlimits=tuple((name, value) for name, value in limits if value is not None),
        nice=quota.nice,
        ioprio=_ioprio(quota.io),
        cpus=quota.cpus,
        umask=quota.umask,
        account=user,
        no_new_privileges=privileges.no_new_privileges,
    )


def _ioprio(text: str) -> int | None:
    if not text:
        return None
    kind, _, level = text.partition(":")
    return _IO_CLASSES[kind] << _IO_CLASS_SHIFT | int(level or 0)


def identity(service: Service) -> tuple[Account | None, dict[str, str]]:
    """Return whom it becomes, and what login(1) would tell it of that; `env` has the last word."""
    if not service.privileges.user:
        return None, {}
    try:
        found = account(service.privileges.user)
    except ValueError as error:  # it was there when services.toml was read
        raise CannotStart(str(error)) from error
    told = {"USER": found.login, "LOGNAME": found.login, "HOME": found.home}
    said = dict(service.env)
    env = {name: value for name, value in told.items() if value and name not in said}
    return found, env


def of_a_guest(service: Service, cookie: str, private: Path) -> Entry:
    """Return what makes another process the equal of the worker with this cookie: rights alone.

    Its limits are the worker's own. Raises CannotStart.
    """
    user, _ = identity(service)
    tmp = private / cookie
    return Entry(
        tmp=str(tmp) if cookie and os.access(tmp, os.F_OK) else "",
        umask=service.quota.umask,
        account=user,
        no_new_privileges=service.privileges.no_new_privileges,
    )


def _make_tmp(folder: Path) -> str:
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        for name in ("tmp", "var-tmp"):
            (folder / name).mkdir()
            (folder / name).chmod(0o1777)  # whatever the umask
    except OSError as error:
        raise CannotStart(f"no private /tmp in {folder}: {error.strerror}") from error
    return str(folder)
