"""One family of errors; each knows its exit code (contract of the commands) and its HTTP status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class WebqxError(Exception):
    """Something failed, in words for the person who asked."""

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 500


class UsageError(WebqxError):
    """The command's words are off."""

    exit_code = 2
    status = 400


class DaemonNotRunning(WebqxError):  # noqa: N818 - a state of the world, named as people say it
    """Nobody answers on the control socket."""

    exit_code = 3
    status = 503


class NoSuchService(WebqxError):  # noqa: N818 - the same
    """The named service or worker is not in services.toml."""

    exit_code = 4
    status = 404


class NoProcess(WebqxError):  # noqa: N818 - the same
    """The worker that is meant has no process at the moment."""

    status = 409


class CannotStart(WebqxError):  # noqa: N818 - the same
    """A worker could not be started at all: program missing, port taken, folder gone."""

    status = 409


class NotReady(WebqxError):  # noqa: N818 - the same
    """A new worker exited, or was not ready in time; `lines` is the last that it said."""

    status = 409

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in services.toml.

    `line` counts from 1; None where no line can be named. `key` is the dotted path.
    """

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        """Return `services.toml:4: services.api.instnaces: unknown key, ...`."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(WebqxError):
    """services.toml is wrong; carries every problem at once."""

    exit_code = 78
    status = 422

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
