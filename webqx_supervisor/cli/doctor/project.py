"""Checks of one services.toml and of its daemon."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from webqx_supervisor import __version__
from webqx_supervisor.cli import launch
from webqx_supervisor.cli.boot.cron import Cron, crontab
from webqx_supervisor.cli.boot.launchd import Launchd
from webqx_supervisor.cli.boot.systemd import LINGERING, Systemd
from webqx_supervisor.cli.boot.wanted import me
from webqx_supervisor.cli.doctor.subject import Subject
from webqx_supervisor.config.addresses import port_of
from webqx_supervisor.config.secret_places import doubtful_secrets
from webqx_supervisor.config.services_toml import missing_programs
from webqx_supervisor.core.boot import cron as cron_rules
from webqx_supervisor.core.doctor import limits, place, ports
from webqx_supervisor.model.errors import CannotStart, ConfigError, WebqxError
from webqx_supervisor.model.finding import Finding, Level
from webqx_supervisor.net.listeners import listen
from webqx_supervisor.process import machine
from webqx_supervisor.process.portowner import check_free, holder


def configuration(subject: Subject) -> Iterator[Finding]:
    """Say whether the file is right, and whether all that it starts is there."""
    if subject.absent:
        text = f"there is no {subject.file}: only the machine is looked at"
        yield Finding("file", Level.NOTE, text, "webqx-sv init")
        return
    if isinstance(subject.complaint, ConfigError):
        for problem in subject.complaint.problems:
            yield Finding("file", Level.PROBLEM, str(problem))
    elif subject.complaint is not None:
        yield Finding("file", Level.PROBLEM, str(subject.complaint))
    if subject.config is None:
        return
    missing = missing_programs(subject.config)
    for problem in missing:
        remedy = "install it, or name it by its path in `command`"
        yield Finding("programs", Level.PROBLEM, str(problem), remedy)
    for problem in doubtful_secrets(subject.config):
        yield Finding("secrets", Level.WARNING, str(problem))
    if not missing and subject.complaint is None:
        yield Finding("file", Level.OK, f"{subject.file} is right, and all its programs are there")


def daemon(subject: Subject) -> Iterator[Finding]:
    """Say whether a daemon runs, of which code, by which file."""
    if subject.places is None or subject.absent:
        return
    if subject.status is None:
        yield Finding("daemon", Level.NOTE, "it does not run", "webqx-sv start")
        return
    row = subject.status["daemon"]
    if row["version"] != __version__:
        text = f"pid {row['pid']} runs version {row['version']}, and {__version__} is installed"
        yield Finding("daemon", Level.WARNING, text, "webqx-sv upgrade")
    elif subject.config and launch.outdated(subject.places, subject.config):
        text = f"pid {row['pid']} does not follow the file as it is now"
        yield Finding("daemon", Level.WARNING, text, "webqx-sv apply")
    elif not launch.pulse(subject.places).get("kept", True):
        text = f"the keeper of pid {row['pid']} has died: nobody would start it again"
        yield Finding("daemon", Level.WARNING, text, "webqx-sv start")
    else:
        yield Finding("daemon", Level.OK, f"it runs, pid {row['pid']}")


def services(subject: Subject) -> Iterator[Finding]:
    """Name the services of a running daemon that are not well."""
    for row in subject.status["services"] if subject.status else ():
        if row["state"] in ("FATAL", "BACKOFF", "DEGRADED"):
            reasons = (worker.get("reason") for worker in row["workers"])
            reason = next(filter(None, reasons), "no reason known")
            text = f"{row['name']} is {row['state']}: {reason}"
            level = Level.WARNING if row["state"] == "DEGRADED" else Level.PROBLEM
            yield Finding("services", level, text, f"webqx-sv why {row['name']}")


def port_rules(subject: Subject) -> Iterator[Finding]:
    """Compare the ports with what the kernel lets users have."""
    wanted = {*subject.worker_ports(), *map(port_of, subject.binds())}
    if not wanted:
        return
    found = machine.port_range()
    if found is not None:
        reserved = ports.parse_spans(machine.reserved_ports())
        yield ports.ephemeral(*found, reserved, wanted)
    low = ports.privileged(machine.first_unprivileged_port(), wanted, may=machine.may_bind_low())
    if low is not None:
        yield low


def ports_taken(subject: Subject) -> Iterator[Finding]:
    """Name who has a port; what the daemon of this file has itself is left out."""
    rows = subject.status["services"] if subject.status else []
    ours = {worker["port"] for row in rows for worker in row["workers"]}
    free = []
    for port, whose in subject.worker_ports().items():
        if port in ours:
            continue
        try:
            check_free(port)
            free.append(port)
        except CannotStart as error:
            yield ports.taken(whose, str(error))
    for bind, whose in subject.binds().items():
        if bind in subject.followed:
            continue
        complaint = _why_not_listen(bind)
        if complaint:
            yield ports.taken(whose, complaint)
        else:
            free.append(port_of(bind))
    if free:
        yield ports.free(free)


def state_folder(subject: Subject) -> Iterator[Finding]:
    """Look at the place of logs and journal, and at the room there."""
    if subject.places is None:
        return
    folder = subject.places.state_dir
    yield place.state_folder(str(folder), machine.why_not_writable(folder))
    try:
        octets, files = machine.room(folder)
    except OSError:
        return
    logs = limits.logs_at_most(subject.config) if subject.config else 0
    yield limits.disk(str(folder), octets, files, logs)


def boot(subject: Subject) -> Iterator[Finding]:
    """Say what starts the daemon at boot, and whether it still can."""
    owner = os.path.abspath(subject.file)  # noqa: PTH100 - links are not followed, as startup does
    found = False
    for way in (Systemd(system=False), Systemd(system=True), Launchd(system=False), Cron()):
        for path, whose in way.ours():
            if whose != owner:
                if not Path(whose).exists():
                    yield place.left_over(str(path), whose)
                continue
            found = True
            gone = tuple(each for each in (owner, *way.programs(path)) if not Path(each).exists())
            enabled = _has_line(path) if isinstance(way, Cron) else way.is_enabled(path)
            yield place.boot(str(path), enabled=enabled, missing=gone)
            if isinstance(way, Systemd) and not way.system:
                yield place.linger(me(), yes=(LINGERING / me()).exists())
    if not found and not subject.absent:
        yield place.boot("", enabled=False, missing=())


def _has_line(script: Path) -> bool:
    try:
        return cron_rules.has_line(crontab(), Cron.name_of(script))
    except WebqxError:
        return False


def _why_not_listen(bind: str) -> str:
    """Say why nobody could listen there; nothing where it works, or where only root may."""
    try:
        listen(bind).close()
    except PermissionError:
        return ""  # see port_rules
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return f"cannot listen there: {error.strerror}"
        found = holder(port_of(bind))
        who = f"pid {found.pid} ({found.command})" if found else "a process of another user"
        return f"it is held by {who}"
    return ""
