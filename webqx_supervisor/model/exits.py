"""How a process ended, and the words a person uses for it."""

import signal
from dataclasses import dataclass

_FAULTS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


@dataclass(frozen=True, slots=True)
class Exit:
    """Exactly one of `code` and `signal` is set; both None: nobody could tell."""

    code: int | None = None
    signal: int | None = None

    @classmethod
    def from_returncode(cls, returncode: int) -> "Exit":
        """Read a subprocess return code, where -N means signal N."""
        if returncode < 0:
            return cls(signal=-returncode)
        return cls(code=returncode)

    @classmethod
    def from_wait_status(cls, status: int) -> "Exit":
        """Read the status word of waitpid(2)."""
        low = status & 0x7F
        return cls(signal=low) if low else cls(code=(status >> 8) & 0xFF)

    @property
    def is_fault(self) -> bool:
        """Whether the process brought it upon itself: a fault or abort(3), by signal(7)."""
        return self.signal in _FAULTS

    @property
    def is_kill(self) -> bool:
        """Whether it was killed, which only somebody else does: a person, the kernel."""
        return self.signal == signal.SIGKILL

    def __str__(self) -> str:
        """Return `exited 7`, `killed by SIGKILL` or `ended, status unknown`."""
        if self.signal is not None:
            return f"killed by {signal_name(self.signal)}"
        if self.code is not None:
            return f"exited {self.code}"
        return "ended, status unknown"


def signal_name(number: int) -> str:
    """Return `SIGKILL` for 9; real-time signals are `SIGRTMIN+3` as in signal(7)."""
    try:
        return signal.Signals(number).name
    except ValueError:
        first = getattr(signal, "SIGRTMIN", number)  # macOS has no real-time signals
        if first < number < getattr(signal, "SIGRTMAX", 0):
            return f"SIGRTMIN+{number - first}"
        return f"signal {number}"


def signal_number(text: str) -> int:
    """Read `HUP`, `SIGUSR2`, `sigterm`, `RTMIN+3` or `9`. Raises ValueError."""
    name = text.upper().removeprefix("SIG")
    if name.isascii() and name.isdecimal():
        number = int(name)
    elif name.startswith("RTMIN+") and name.removeprefix("RTMIN+").isdecimal():
        number = getattr(signal, "SIGRTMIN", 0) + int(name.removeprefix("RTMIN+"))
    else:
        number = next((known for known in signal.Signals if known.name == f"SIG{name}"), 0)
    if number not in signal.valid_signals():
        raise ValueError(f"no signal is called `{text}`")
    return int(number)
