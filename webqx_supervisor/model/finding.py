"""What `doctor` has found: one thing about this machine, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters; the worst is last."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result. `remedy` is empty where there is nothing to do."""

    topic: str
    level: Level
    text: str
    remedy: str = ""
