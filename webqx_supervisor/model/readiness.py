"""How it is learned that a worker has started, is ready and lives. Times in seconds."""

from dataclasses import dataclass
from enum import StrEnum


class Means(StrEnum):
    """What tells it: something that the worker says once, or something that it is asked."""

    PORT = "port"
    NOTIFY = "notify"
    IPC = "ipc"
    LOG = "log"
    FD = "fd"
    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"


ASKED = (Means.HTTP, Means.TCP, Means.COMMAND)
"""Those that can be asked again and again."""


@dataclass(frozen=True, slots=True)
class Check:
    """One way to learn it; which of the fields count depends on the `means`."""

    means: Means
    path: str = ""
    """Of HTTP."""
    port: int | None = None
    """Of HTTP and TCP; None: the worker's own."""
    pattern: str = ""
    """A regular expression that a line of the worker's output has."""
    fd: int = 0
    """The number under which the worker sees the pipe that it writes a line end to."""
    command: tuple[str, ...] = ()
    interval: float = 5.0
    timeout: float = 2.0
    rise: int = 1
    fall: int = 3

    @property
    def sign(self) -> str:
        """What stands for this having been told."""
        return f"log {self.pattern}" if self.means is Means.LOG else self.means

    @property
    def is_asked(self) -> bool:
        """Whether it is asked again and again, instead of being told once."""
        return self.means in ASKED


class Access(StrEnum):
    """Whose messages on the worker's NOTIFY_SOCKET count."""

    MAIN = "main"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a service says of it beside `health`; None where it says nothing.

    `ready` None: as `health` has it. `watchdog` 0: there is none. `access` None: the worker gets a
    NOTIFY_SOCKET only where something here needs one, and then all of its tree may use it.
    """

    startup: Check | None = None
    ready: Check | None = None
    live: Check | None = None
    watchdog: float = 0.0
    access: Access | None = None

    @property
    def awaited(self) -> tuple[Check, ...]:
        """What a worker that starts has to pass, in order."""
        return tuple(each for each in (self.startup, self.ready) if each is not None)

    def awaits(self, means: Means) -> Check | None:
        """Return the check of a worker that starts which is of this kind."""
        return next((each for each in self.awaited if each.means is means), None)

    @property
    def patterns(self) -> tuple[str, ...]:
        """The expressions that are looked for in the output of a worker that starts."""
        return tuple(each.pattern for each in self.awaited if each.means is Means.LOG)

    @property
    def notify(self) -> Access | None:
        """Whose messages count; None: the worker gets no NOTIFY_SOCKET."""
        if self.access is None and (self.watchdog or self.awaits(Means.NOTIFY)):
            return Access.ALL
        return self.access

    @property
    def given(self) -> tuple[object, ...]:
        """What a worker is born with for it: only a new process sees a change of this."""
        pipe = self.awaits(Means.FD)
        ipc = self.awaits(Means.IPC) is not None
        return self.notify, self.watchdog, pipe.fd if pipe else 0, ipc
