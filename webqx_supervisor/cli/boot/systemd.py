"""systemd's side of startup and unstartup: unit, link, linger, and what systemctl is told."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from webqx_supervisor.cli.boot import files
from webqx_supervisor.cli.boot.report import Report
from webqx_supervisor.cli.boot.wanted import me
from webqx_supervisor.core.boot import systemd as rules
from webqx_supervisor.model.boot import Boot
from webqx_supervisor.model.errors import WebqxError

BOOTED = Path("/run/systemd/system")
"""There when systemd is the init of this machine, sd_booted(3)."""
LINGERING = Path("/var/lib/systemd/linger")
SYSTEM_UNITS = Path("/etc/systemd/system")
MARK = "webqx-sv.linger"
"""A file beside the user's units: it was startup that had the user linger."""
SOON = 30.0
LONG = 300.0
"""s that systemctl may take, for what is done at once and for a start."""


class Systemd:
    """The system's manager, or that of the user."""

    def __init__(self, *, system: bool) -> None:
        self.system = system
        self.units = SYSTEM_UNITS if system else _own_units()

    def text(self, boot: Boot) -> str:
        """Return the unit. Raises WebqxError for what cannot be written into one."""
        try:
            return rules.unit(boot, version=version())
        except ValueError as error:
            raise WebqxError(str(error)) from None

    def path(self, name: str) -> Path:
        """Return where the unit of a daemon is."""
        return self.units / rules.unit_name(name)

    def found(self, file: str) -> list[Path]:
        """Return the units that startup has written for a services.toml."""
        return [path for path, owner in self.ours() if owner == file]

    def ours(self) -> list[tuple[Path, str]]:
        """Return all units that startup has written, each with its services.toml."""
        return files.ours(self.units, f"{rules.PREFIX}*{rules.SUFFIX}", _file_of)

    def install(self, boot: Boot, report: Report, *, enable: bool) -> None:
        """Write the unit, remove those of earlier names, enable it."""
        report.by.append("systemd")
        path = self.path(boot.name)
        files.put(path, self.text(boot).encode(), owner=boot.file, file_of=_file_of, report=report)
        for old in self.found(boot.file):
            if old != path:
                self._remove(old, report)
        if enable:
            self._enable(path, report)
            if not self.system:
                self._linger(report)
        elif not self.is_enabled(path):
            verb = self.command("enable", path.name)
            report.to_do.append((verb, "it was not enabled; what does that"))
        self.tell(report)

    def uninstall(self, path: Path, report: Report) -> None:
        """Take back what `install` did, the last unit with the linger."""
        report.by.append("systemd")
        if self.is_active(path.name):
            # A unit without its file has defaults, and those end all workers with the daemon.
            files.remove(self._link(path), report)
            report.notes.append(f"{path} stays as long as the daemon runs under it")
            end = f"{self.command('stop', path.name)} && webqx-sv unstartup"
            report.to_do.append((end, "it runs on, and does not come at the next boot. To end it"))
            return
        self._remove(path, report)
        self.tell(report)
        if not self.system and not self.ours():
            self._linger_no_more(report)

    def command(self, *words: str) -> str:
        """Return how a person calls systemctl."""
        return shlex.join(["systemctl", *self._scope(), *words])

    def is_active(self, unit: str) -> bool:
        """Say whether a unit runs, comes up or goes down."""
        done = self._systemctl("is-active", unit)
        return done is not None and done.stdout.strip() in (
            *("active", "activating", "deactivating", "reloading"),
        )

    def is_enabled(self, path: Path) -> bool:
        """Say whether a unit of ours is started at boot."""
        return self._link(path).is_symlink()

    def programs(self, path: Path) -> tuple[str, ...]:
        """Return what a unit of ours starts."""
        return rules.programs((files.read(path) or b"").decode(errors="replace"))

    def do(self, verb: str, unit: str) -> None:
        """Have systemctl do something that may take its time. Raises WebqxError."""
        done = self._systemctl(verb, unit, timeout=LONG)
        if done is None or done.returncode:
            said = done.stderr.strip() if done else "systemctl does not answer"
            logs = shlex.join(["journalctl", *self._scope(), "-n", "20", "-u", unit])
            raise WebqxError(f"systemctl {verb} {unit} failed: {said}; see `{logs}`")

    def tell(self, report: Report) -> None:
        """Have the manager read the units again, if it runs."""
        done = self._systemctl("daemon-reload")
        if done is None or done.returncode:
            who = "systemd" if self.system else "the systemd of this user"
            report.notes.append(f"{who} does not answer here, and reads it when it starts next")

    def _scope(self) -> list[str]:
        return [] if self.system else ["--user"]

    def _systemctl(
        self, *words: str, timeout: float = SOON
    ) -> subprocess.CompletedProcess[str] | None:
        env = dict(os.environ)
        if not self.system:  # su and cron do not set it, and it is always this
            env.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
        return _run(["systemctl", *self._scope(), "--no-ask-password", *words], env, timeout)

    def _link(self, path: Path) -> Path:
        return self.units / f"{rules.wanted_by(system=self.system)}.wants" / path.name

    def _enable(self, path: Path, report: Report) -> None:
        """Do what `systemctl enable` does; that needs a manager that runs."""
        link = self._link(path)
        if link.is_symlink() and os.readlink(link) == str(path):  # noqa: PTH115 - as it is written
            report.done.append(f"{path.name} is enabled")
            return
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(path)
        except OSError as error:
            raise WebqxError(f"cannot enable {path.name}: {error.strerror}: {link}") from None
        report.done.append(f"enabled {path.name}: it is started at every boot")

    def _remove(self, path: Path, report: Report) -> None:
        files.remove(self._link(path), report)
        files.remove(path, report)

    def _linger(self, report: Report) -> None:
        """Have the user's manager start with the machine and not with the user's first login."""
        user = me()
        if (LINGERING / user).exists():
            report.done.append(f"{user} lingers: the unit starts at boot, before any login")
            return
        done = _run(["loginctl", "--no-ask-password", "enable-linger", user], os.environ, SOON)
        if done is not None and done.returncode == 0:
            (self.units / MARK).touch()
            report.done.append(f"had {user} linger: the unit starts at boot, before any login")
            return
        why = f"without it the daemon starts at {user}'s first login, and ends with the last one"
        sudo = "" if os.geteuid() == 0 else "sudo "
        report.to_do.append((f"{sudo}loginctl enable-linger {user}", why))

    def _linger_no_more(self, report: Report) -> None:
        mark = self.units / MARK
        if not mark.exists():
            return
        done = _run(["loginctl", "--no-ask-password", "disable-linger", me()], os.environ, SOON)
        if done is None or done.returncode:
            sudo = "" if os.geteuid() == 0 else "sudo "
            report.to_do.append(
                (
                    f"{sudo}loginctl disable-linger {me()}",
                    "startup had the user linger; to end that",
                )
            )
        else:
            report.done.append(f"{me()} lingers no more")
        mark.unlink()


def is_here() -> bool:
    """Say whether systemd is the init of this machine."""
    return BOOTED.is_dir()


def version() -> int:
    """Return systemd's version, 0 where it cannot be told."""
    done = _run(["systemctl", "--version"], os.environ, SOON)
    number = re.match(r"systemd (\d+)", done.stdout if done else "")
    return int(number[1]) if number else 0


def _own_units() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    parent = Path(base) if base.startswith("/") else Path.home() / ".config"
    return parent / "systemd" / "user"


def _file_of(content: bytes) -> str | None:
    return rules.file_of(content.decode(errors="replace"))


def _run(
    words: list[str], env: "os._Environ[str] | dict[str, str]", timeout: float
) -> subprocess.CompletedProcess[str] | None:
    """Run a program of systemd; None when there is none, or no answer in time."""
    if shutil.which(words[0]) is None:
        return None
    try:
        return subprocess.run(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
