"""What is to be started when the machine starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Boot:
    """One daemon, and how it is started by whoever does that. Paths are absolute."""

    name: str
    """The daemon's."""
    file: str
    """Its services.toml."""
    command: tuple[str, ...]
    """The program webqx-sv without its verb."""
    environment: tuple[tuple[str, str], ...] = ()
    user: str = ""
    """As whom; empty: as the user whose service manager starts it."""
    stop_timeout: float = 90.0
    """s that a stop in good order may take."""
    descriptors: int = 4096
    """How many the keeper may have to hold."""

    @property
    def foreground(self) -> tuple[str, ...]:
        """The command that stays, for a service manager."""
        return (*self.command, "start", "--foreground", "-c", self.file)

    @property
    def background(self) -> tuple[str, ...]:
        """The command that returns when all is up."""
        return (*self.command, "start", "-c", self.file)
