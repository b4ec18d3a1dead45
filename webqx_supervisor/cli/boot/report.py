"""What a verb has done to the machine, and what is left to the user, as a value and as text."""

from dataclasses import asdict, dataclass, field
from typing import Any

import click


@dataclass(slots=True)
class Report:
    """Filled by those who do things; each line is one thing."""

    by: list[str] = field(default_factory=list)
    """systemd, launchd, cron."""
    files: list[str] = field(default_factory=list)
    """What was written or removed, or is as it should be."""
    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    to_do: list[tuple[str, str]] = field(default_factory=list)
    """(command, what it is for): what only the user can do or decide."""

    def as_data(self) -> dict[str, Any]:
        """Return what --json prints."""
        rows = [{"command": command, "why": why} for command, why in self.to_do]
        return {**asdict(self), "to_do": rows}

    def as_text(self) -> str:
        """Return what is done first, what is to do last."""
        lines = [*self.done, *self.notes]
        for command, why in self.to_do:
            lines += [f"{why}:", f"    {click.style(command, bold=True)}"]
        return "\n".join(lines)
