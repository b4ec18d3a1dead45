"""cron's side of startup and unstartup: one line of the user's crontab, and what it runs."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from webqx_supervisor.cli.boot import files
from webqx_supervisor.cli.boot.report import Report
from webqx_supervisor.core.boot import cron as rules
from webqx_supervisor.model.boot import Boot
from webqx_supervisor.model.errors import WebqxError

NAME = "boot-{}.sh"
TIMEOUT = 30.0
_EMPTY = "no crontab for"
"""What `crontab -l` says, with exit code 1, of a user who has none."""


class Cron:
    """The crontab of this user."""

    def __init__(self) -> None:
        base = os.environ.get("XDG_CONFIG_HOME", "")
        parent = Path(base) if base.startswith("/") else Path.home() / ".config"
        self.folder = parent / "webqx-sv"

    def path(self, name: str) -> Path:
        """Return where the script of a daemon is."""
        return self.folder / NAME.format(name)

    def text(self, boot: Boot) -> str:
        """Return script and line. Raises WebqxError for what cron cannot hold."""
        path = self.path(boot.name)
        return f"# {path}\n{self._script(boot)}\n# crontab -e\n{self._line(boot.name)}\n"

    def found(self, file: str) -> list[Path]:
        """Return the scripts that startup has written for a services.toml."""
        return [path for path, owner in self.ours() if owner == file]

    def ours(self) -> list[tuple[Path, str]]:
        """Return all scripts that startup has written, each with its services.toml."""
        return files.ours(self.folder, NAME.format("*"), _file_of)

    def install(self, boot: Boot, report: Report, *, enable: bool = True) -> None:
        """Write the script and have the crontab run it. Raises WebqxError."""
        del enable  # a script alone would do nothing, see verbs
        report.by.append("cron")
        before = crontab()
        path = self.path(boot.name)
        content = self._script(boot).encode()
        files.put(path, content, owner=boot.file, file_of=_file_of, report=report)
        old = [each for each in self.found(boot.file) if each != path]
        after = before
        for each in old:
            after = rules.without_line(after, self.name_of(each))
        after = rules.with_line(after, boot.name, self._line(boot.name))
        if _replace(before, after):
            report.done.append("added a line to the crontab: it is run at every boot")
        else:
            report.done.append("the crontab has its line")
        for each in old:
            files.remove(each, report)

    def uninstall(self, path: Path, report: Report) -> None:
        """Take back what `install` did. Raises WebqxError."""
        report.by.append("cron")
        before = crontab()
        if _replace(before, rules.without_line(before, self.name_of(path))):
            report.done.append("removed the line from the crontab")
        files.remove(path, report)
        files.remove(_log(path), report)
        with suppress(OSError):  # others may have theirs in it
            self.folder.rmdir()

    def programs(self, path: Path) -> tuple[str, ...]:
        """Return what a script of ours starts."""
        return rules.programs((files.read(path) or b"").decode(errors="replace"))

    @staticmethod
    def name_of(script: Path) -> str:
        """Return the daemon's name."""
        before, _, after = NAME.partition("{}")
        return script.name.removeprefix(before).removesuffix(after)

    def _script(self, boot: Boot) -> str:
        try:
            return rules.script(boot, str(_log(self.path(boot.name))))
        except ValueError as error:
            raise WebqxError(str(error)) from None

    def _line(self, name: str) -> str:
        try:
            return rules.line(name, str(self.path(name)))
        except ValueError as error:
            raise WebqxError(str(error)) from None


def is_here() -> bool:
    """Say whether there is a cron that knows @reboot."""
    found = shutil.which("crontab")
    return found is not None and "busybox" not in os.path.realpath(
        found
    )  # it takes @reboot for a typo


def crontab() -> str:
    """Return the crontab of this user, "" where there is none. Raises WebqxError."""
    done = _run(["crontab", "-l"])
    if done.returncode == 0:
        return done.stdout
    if _EMPTY in done.stderr:
        return ""
    raise WebqxError(f"cannot read the crontab: {done.stderr.strip()}")


def _replace(before: str, after: str) -> bool:
    """Write the crontab if it is to be another; return whether it was. Raises WebqxError."""
    if before == after:
        return False
    done = _run(["crontab", "-"], after) if after else _run(["crontab", "-r"])
    if done.returncode:
        raise WebqxError(f"cannot write the crontab: {done.stderr.strip()}")
    return True


def _run(words: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # other lines of it stay as they are
            timeout=TIMEOUT,
            env=os.environ | {"LC_ALL": "C"},
            check=False,
        )
    except OSError as error:
        raise WebqxError(f"there is no `crontab` here: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise WebqxError(f"{' '.join(words)} does not answer") from None


def _log(script: Path) -> Path:
    return script.with_suffix(".log")


def _file_of(content: bytes) -> str | None:
    return rules.file_of(content.decode(errors="replace"))
