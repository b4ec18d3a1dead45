"""The verbs `startup` and `unstartup`: who starts the daemon at boot, and what was done for it."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from webqx_supervisor.cli import launch, render
from webqx_supervisor.cli.boot import cron, systemd, wanted
from webqx_supervisor.cli.boot.cron import Cron
from webqx_supervisor.cli.boot.launchd import Launchd
from webqx_supervisor.cli.boot.report import Report
from webqx_supervisor.cli.boot.systemd import Systemd
from webqx_supervisor.cli.hints import command
from webqx_supervisor.cli.options import call, file_option, json_option
from webqx_supervisor.config.files import locate
from webqx_supervisor.model.boot import Boot
from webqx_supervisor.model.errors import UsageError, WebqxError

Way = Systemd | Launchd | Cron
WAYS = ("systemd", "launchd", "cron")
system_option = click.option(
    "--system", is_flag=True, help="By the system and not by your own user manager; needs root."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of one call of startup."""

    by: str | None
    system: bool
    user: str | None
    enable: bool
    now: bool
    print_only: bool
    file: Path

    def again(self) -> list[str]:
        """Return them once more, with the user who would call sudo."""
        by = [self.by] if self.by else []
        flags = ([] if self.enable else ["--no-enable"]) + (["--now"] if self.now else [])
        return [*by, "--user", self.user or wanted.me(), *flags]


@click.command()
@click.argument("by", type=click.Choice(WAYS), required=False, metavar="[systemd|launchd|cron]")
@system_option
@click.option("--user", help="With --system: as whom; who called sudo, by default.")
@click.option("--enable/--no-enable", default=True, help="Have it started at boot; the default.")
@click.option("--now", is_flag=True, help="Start it at once; a daemon that runs is handed over.")
@click.option(
    "--print", "--dry-run", "print_only", is_flag=True, help="Print it and change nothing."
)
@file_option
@json_option
def startup(as_json: bool, **words: Any) -> None:
    """Have the daemon of this services.toml start when the machine does.

    Writes and enables a unit of your own systemd, an agent of launchd, or a line of your
    crontab: what there is. What only you can do is printed at the end.
    """
    from webqx_supervisor.config.compiler import compile_file

    asked = Asked(**words)
    way = _way(asked)
    config = compile_file(asked.file, launch.in_force(asked.file))
    user = wanted.user_for_system(asked.user) if asked.system else ""
    boot = wanted.boot(config, user=user)
    if asked.print_only:
        click.echo(way.text(boot), nl=False)
        return
    _need_root(asked.system, ["startup", *asked.again(), "-c", config.file])
    report = Report()
    way.install(boot, report, enable=asked.enable)
    _take_the_place_of_others(way, boot.file, report)
    if user == "root":
        report.notes.append("it runs as root; `--user NAME` has it run as somebody else")
    report.notes.append(_about_path(boot.environment))
    if asked.now:
        _start_now(way, boot, asked.file, report)
    else:
        _tell_how_to_start(way, boot, asked.file, report)
    click.echo(render.as_json(report.as_data()) if as_json else report.as_text())


@click.command()
@system_option
@click.option("--now", is_flag=True, help="Stop it at once, if that is who runs it.")
@file_option
@json_option
def unstartup(system: bool, now: bool, file: Path, as_json: bool) -> None:
    """Take back what startup did for this services.toml, and nothing else."""
    owner = os.path.abspath(file)  # noqa: PTH100 - links are not followed, see default_daemon_name
    found = [(way, path) for way in _ways(system=system) for path in way.found(owner)]
    if found:
        _need_root(system, ["unstartup", *(["--now"] if now else []), "-c", owner])
    report = Report()
    for way, path in found:
        if now:
            _stop_now(way, path, report)
        way.uninstall(path, report)
    if not found:
        report.done.append(f"nothing starts {owner} at boot: there is nothing to take back")
    _tell_of_the_others(owner, report, system=system)
    click.echo(render.as_json(report.as_data()) if as_json else report.as_text())


def _way(asked: Asked) -> Way:
    """Return who is to start the daemon. Raises WebqxError where there is nobody."""
    name = asked.by or _found_here()
    if name is None:
        raise WebqxError(
            "there is neither systemd nor cron here; have whatever starts first in this place run "
            "`webqx-sv start --foreground`"
        )
    here = {"systemd": systemd.is_here, "cron": cron.is_here, "launchd": _is_macos}
    if not asked.print_only and not here[name]():
        raise WebqxError(
            f"{name} does not run here; `webqx-sv startup {name} --print` prints what it would read"
        )
    _check_usage(asked, name)
    if name == "cron":
        return Cron()
    return Systemd(system=asked.system) if name == "systemd" else Launchd(system=asked.system)


def _check_usage(asked: Asked, by: str) -> None:
    if asked.user and not asked.system:
        raise UsageError("--user goes with --system; without it the daemon is yours")
    if not asked.enable and by != "systemd":
        raise UsageError("--no-enable is systemd's: the others start all that is there")
    if asked.system and by == "cron":
        raise UsageError("the crontab is yours; --system is for systemd and launchd")
    if asked.now and by == "cron":
        raise UsageError("cron starts it at boot only; `webqx-sv start` starts it now")


def _ways(*, system: bool) -> list[Way]:
    """Return everybody who may start a daemon for the system, or for this user."""
    if system:
        return [Systemd(system=True), Launchd(system=True)]
    return [Systemd(system=False), Launchd(system=False), Cron()]


def _found_here() -> str | None:
    if _is_macos():
        return "launchd"
    if systemd.is_here():
        return "systemd"
    return "cron" if cron.is_here() else None


def _is_macos() -> bool:
    return sys.platform == "darwin"


def _need_root(system: bool, words: list[str]) -> None:
    if system and os.geteuid() != 0:
        raise WebqxError(
            "only root can change what the system starts. Run:\n    "
            + wanted.as_root([words[0], "--system", *words[1:]])
        )


def _about_path(environment: Sequence[tuple[str, str]]) -> str:
    path = dict(environment).get("PATH", "")
    return (
        f"PATH will be the one of now: {path}\n"
        "(run startup again when it changes, as with another version of node by nvm)"
    )


def _start_now(way: Way, boot: Boot, file: Path, report: Report) -> None:
    """Start the daemon by who starts it at boot; one of this user that runs is stopped before."""
    path = way.path(boot.name)
    if isinstance(way, Cron):
        return
    if way.is_active(path.name):
        report.done.append(f"{path.name} runs already")
        return
    if _runs(boot, file):
        call(file, "POST", "/stop", {"services": ()})
        launch.until_gone(locate(file))
        report.done.append("stopped the daemon that ran by itself")
    if isinstance(way, Systemd):
        way.do("start", path.name)
    else:
        way.start(path)
    report.done.append(f"started {path.name}")


def _tell_how_to_start(way: Way, boot: Boot, file: Path, report: Report) -> None:
    """Say what to do for that it runs now. A daemon that runs is left alone."""
    path = way.path(boot.name)
    if isinstance(way, Cron):
        if not _runs(boot, file):
            report.to_do.append((command("start", file), "to start it now"))
    elif way.is_active(path.name):
        take_over = f"{command('upgrade', file)} && {command('reload', file)}"
        report.to_do.append((take_over, "it runs, as it was started. To have it as it is now"))
    elif _runs(boot, file):
        report.notes.append("a daemon runs, kept by a keeper of its own until the next boot")
        system = " --system" if way.system else ""
        hand_over = f"{command('startup', file)}{system} --now"
        report.to_do.append((hand_over, "to hand it over now, by a stop and a start"))
    elif isinstance(way, Systemd):
        report.to_do.append((way.command("start", path.name), "to start it now"))
    else:
        report.to_do.append((f"launchctl bootstrap {way.domain} {path}", "to start it now"))


def _runs(boot: Boot, file: Path) -> bool:
    """Say whether a daemon runs that this user can see: another one's has its state elsewhere."""
    return boot.user in ("", wanted.me()) and launch.answers(locate(file))


def _stop_now(way: Way, path: Path, report: Report) -> None:
    if isinstance(way, Cron) or not way.is_active(path.name):
        return
    if isinstance(way, Systemd):
        way.do("stop", path.name)
    else:
        way.stop(path.name)
    report.done.append(f"stopped {path.name}")


def _take_the_place_of_others(way: Way, owner: str, report: Report) -> None:
    """Have one alone start the daemon: two would meet at the next boot."""
    system = not isinstance(way, Cron) and way.system
    for other in _ways(system=system):
        if type(other) is not type(way):
            for path in other.found(owner):
                other.uninstall(path, report)
    _tell_of_the_others(owner, report, system=system)


def _tell_of_the_others(owner: str, report: Report, *, system: bool) -> None:
    """Say so when the system starts it, while this is about the user, or the other way round."""
    for other in _ways(system=not system):
        for path in other.found(owner):
            words = ["unstartup", "-c", owner]
            how = shlex.join(["webqx-sv", *words])
            if not system:
                how = wanted.as_root([*words, "--system"])
            report.to_do.append((how, f"{path} starts it as well; to remove that"))
