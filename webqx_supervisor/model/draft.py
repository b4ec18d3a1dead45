"""What `init` makes of a folder: services and front ends, before they have ports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DraftService:
    """One program. `why` says what it was recognised by, `hints` what its owner should know."""

    name: str
    command: str | tuple[str, ...]
    """As services.toml has it: text that is split like a shell does, or words."""
    why: str
    web: bool = True
    """Whether it takes requests: on the port in $PORT, or where `{port}` stands."""
    instances: int | str = 2
    cwd: str = ""
    env: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftFiles:
    """One folder of files to be served."""

    folder: str
    why: str
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """All of it; `also` names what was recognised as well and left out."""

    kind: str
    services: tuple[DraftService, ...] = ()
    files: tuple[DraftFiles, ...] = ()
    also: tuple[str, ...] = ()
