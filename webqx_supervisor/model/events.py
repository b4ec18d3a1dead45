"""What happened, for `events`, `describe` and the log: one frozen value each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """`at` is Unix time in seconds; `kind` is one word (ready, exited, fatal, reloaded, ...).

    `service` is "" for what concerns the daemon itself, `instance` 0 for a whole service.
    """

    at: float
    kind: str
    text: str
    service: str = ""
    instance: int = 0
    pid: int | None = None
