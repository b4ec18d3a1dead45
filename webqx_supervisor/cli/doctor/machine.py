"""Checks of the machine itself, with or without a services.toml: readings, given to the rules."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import webqx_supervisor
from webqx_supervisor import compiled
from webqx_supervisor.cli.doctor.subject import Subject
from webqx_supervisor.core.doctor import limits, place
from webqx_supervisor.model.finding import Finding, Level
from webqx_supervisor.net import sockdiag
from webqx_supervisor.process import machine

MOST_FOLDERS = 200_000
"""Counted no further: it would take minutes."""


def platform(_: Subject) -> Iterator[Finding]:
    """Name every promise that does not hold here."""
    yield from place.promises(sys.platform)
    if sys.platform == "linux":
        yield place.pidfd(works=machine.has_pidfd())
        yield place.sock_diag(works=sockdiag.works())


def installation(_: Subject) -> Iterator[Finding]:
    """Say what of this program runs."""
    version = ".".join(map(str, sys.version_info[:3]))
    text = f"webqx-sv {webqx_supervisor.__version__}, Python {version}, {sys.executable}"
    yield Finding("program", Level.OK, text)
    package = Path(webqx_supervisor.__file__).parent
    pure = bool(os.environ.get(compiled.PURE))
    made = next(compiled.extensions(package), None) is not None
    yield place.compiled(
        yes=made and not pure and not compiled.is_stale(package), asked_for_pure=pure
    )


def open_files(subject: Subject) -> Iterator[Finding]:
    """Compare the limit of open files with what is configured."""
    if subject.config:
        yield limits.nofile(machine.hard_nofile(), *limits.descriptors(subject.config))
    else:
        yield limits.nofile(machine.hard_nofile(), limits.OWN, limits.OWN)


def backlog(_: Subject) -> Iterator[Finding]:
    """Look at how many connections may wait."""
    found = machine.number("/proc/sys/net/core/somaxconn")
    if found is not None:
        yield limits.backlog(found)


def memory(_: Subject) -> Iterator[Finding]:
    """Look at memory and swap."""
    total, available, swap, used = machine.memory()
    yield limits.memory(total, available)
    yield limits.swap(swap, used)


def clock(subject: Subject) -> Iterator[Finding]:
    """Look at the clock and its zone."""
    yield place.clock(time.time(), synchronised=machine.clock_is_synchronised())
    services = subject.config.services if subject.config else ()
    timed = any(each.schedule.cron or each.rolling.cron for each in services)
    yield place.time_zone(machine.time_zone(), schedules=timed)


def cgroup(_: Subject) -> Iterator[Finding]:
    """Look at what the kernel groups this process with."""
    if sys.platform == "linux":
        version, writable = machine.cgroup()
        yield place.cgroup(version=version, writable=writable)


def watches(subject: Subject) -> Iterator[Finding]:
    """Compare what `watch` watches with what inotify allows, where it is inotify that does it."""
    services = subject.config.services if subject.config else ()
    paths = [path for service in services for path in service.watch.paths]
    limit = machine.number("/proc/sys/fs/inotify/max_user_watches")
    if not paths or limit is None:
        return
    most = min(limit, MOST_FOLDERS) + 1
    folders = machine.folders_below(paths, most)
    yield limits.watches(min(folders, most - 1), limit, more=folders == most)
    instances = machine.number("/proc/sys/fs/inotify/max_user_instances")
    if subject.status is None and instances is not None:  # else those are in use already
        wanted = sum(bool(service.watch.paths) for service in services)
        found = limits.watchers(machine.inotify_instances(), wanted, instances)
        yield from () if found is None else (found,)
