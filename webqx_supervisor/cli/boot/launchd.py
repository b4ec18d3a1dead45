"""launchd's side of startup and unstartup: one property list."""

import os
import subprocess
from pathlib import Path

from webqx_supervisor.cli.boot import files
from webqx_supervisor.cli.boot.report import Report
from webqx_supervisor.core.boot import launchd as rules
from webqx_supervisor.model.boot import Boot
from webqx_supervisor.model.errors import WebqxError

DAEMONS = Path("/Library/LaunchDaemons")
TIMEOUT = 120.0


class Launchd:
    """The system's domain, or that of the user."""

    def __init__(self, *, system: bool) -> None:
        self.system = system
        self.folder = DAEMONS if system else Path.home() / "Library" / "LaunchAgents"
        self.domain = "system" if system else f"gui/{os.getuid()}"

    def path(self, name: str) -> Path:
        """Return where the property list of a daemon is."""
        return self.folder / f"{rules.label(name)}{rules.SUFFIX}"

    def text(self, boot: Boot) -> str:
        """Return the property list. Raises WebqxError for what XML cannot hold."""
        try:
            return rules.plist(boot, self._log(boot)).decode()
        except ValueError as error:
            raise WebqxError(str(error)) from None

    def found(self, file: str) -> list[Path]:
        """Return the property lists that startup has written for a services.toml."""
        return [path for path, owner in self.ours() if owner == file]

    def ours(self) -> list[tuple[Path, str]]:
        """Return all property lists that startup has written, each with its services.toml."""
        return files.ours(self.folder, f"{rules.PREFIX}*{rules.SUFFIX}", rules.file_of)

    def install(self, boot: Boot, report: Report, *, enable: bool = True) -> None:
        """Write it; launchd reads its folders at the next boot or login. Raises WebqxError."""
        del enable  # to be there is to be enabled, see verbs
        report.by.append("launchd")
        path, content = self.path(boot.name), self.text(boot).encode()
        files.put(path, content, owner=boot.file, file_of=rules.file_of, report=report)
        for old in self.found(boot.file):
            if old != path:
                files.remove(old, report)
        if not self.system:
            report.notes.append("an agent starts at your login; `--system` makes it start at boot")

    def uninstall(self, path: Path, report: Report) -> None:
        """Remove it; what runs under launchd runs on until it is booted out."""
        report.by.append("launchd")
        files.remove(path, report)
        if self.is_active(path.name):
            end = f"launchctl bootout {self.domain}/{path.name.removesuffix(rules.SUFFIX)}"
            report.to_do.append((end, "it runs on, and does not come at the next boot. To end it"))

    def is_active(self, plist: str) -> bool:
        """Say whether launchd has this job."""
        return self._launchctl("print", f"{self.domain}/{plist.removesuffix(rules.SUFFIX)}")[0]

    def is_enabled(self, path: Path) -> bool:
        """Say whether launchd would take it up: it does so with all that is there."""
        return path.exists()

    def programs(self, path: Path) -> tuple[str, ...]:
        """Return what a property list of ours starts."""
        return rules.programs(files.read(path) or b"")

    def start(self, path: Path) -> None:
        """Have launchd take up the job, which starts it. Raises WebqxError."""
        well, said = self._launchctl("bootstrap", self.domain, str(path))
        if not well:
            raise WebqxError(f"launchctl bootstrap {self.domain} {path} failed: {said}")

    def stop(self, plist: str) -> None:
        """Have launchd end the job and forget it. Raises WebqxError."""
        job = f"{self.domain}/{plist.removesuffix(rules.SUFFIX)}"
        well, said = self._launchctl("bootout", job)
        if not well:
            raise WebqxError(f"launchctl bootout {job} failed: {said}")

    def _launchctl(self, *words: str) -> tuple[bool, str]:
        try:
            done = subprocess.run(
                ["launchctl", *words],  # noqa: S607 - wherever the user's PATH has it
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return False, str(error)
        return done.returncode == 0, done.stderr.strip()

    def _log(self, boot: Boot) -> str:
        if self.system:
            return f"/Library/Logs/{rules.label(boot.name)}.log"
        return str(Path.home() / "Library" / "Logs" / f"{rules.label(boot.name)}.log")
