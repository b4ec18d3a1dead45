"""What is written down about who did what, and who accessed what."""

from dataclasses import dataclass
from enum import StrEnum


class OnFailure(StrEnum):
    """What becomes of that which cannot be written down."""

    GO_ON = "go-on"
    """It happens nevertheless; how many records were lost is recorded later."""
    REFUSE = "refuse"
    """It does not happen."""


class Commands(StrEnum):
    """Which commands of the control socket are recorded."""

    CHANGES = "changes"
    ALL = "all"
    """Also those that only look: logs, events, status."""


@dataclass(frozen=True, slots=True)
class Audit:
    """One chain of records for a daemon and its proxies. Paths are absolute, sizes in octets."""

    folder: str = ""
    """Empty: `audit` in the state folder."""
    commands: Commands = Commands.CHANGES
    key_file: str = ""
    """Holds the key of the chain's HMAC; empty: the chain is of plain hashes."""
    encryption_key_file: str = ""
    """Holds the key that the records are encrypted with; empty: they are not."""
    max_size: int = 64 * 1024 * 1024
    max_age: float = 0.0
    compress: bool = True
    keep_for: float = 0.0
    """s after which a file whose last record is older is removed; 0: never."""
    on_failure: OnFailure = OnFailure.GO_ON


SPOOLS = "audit-spool"
"""The folder, below that of the logs, in which proxies leave what they have recorded."""
FIELDS = ("client", "subject", "path", "reason")
"""What may be left out of a record of an access."""


@dataclass(frozen=True, slots=True)
class AccessAudit:
    """What is recorded of the requests of a route."""

    redact: tuple[str, ...] = ()
    """Names of FIELDS that are left out, and patterns of paths whose `*` are."""
    subject: str = "sub"
    """The claim that says who asks; `a.b` is the b in a."""
    on_failure: OnFailure = OnFailure.GO_ON
