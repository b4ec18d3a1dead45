"""How the proxies write down what they have answered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccessLog:
    """One file for all proxies; sizes in octets, times in seconds."""

    enabled: bool = True
    format: str = "default"
    """`default`, `common`, `combined`, `json`, or a text with variables like `$status`."""
    max_size: int = 50 * 1024 * 1024
    max_age: float = 0.0
    """A file holds lines of one such span of Unix time; 0: of any."""
    keep: int = 5
    compress: bool = False
    keep_for: float = 0.0
    sample: float = 1.0
    """This share of the good answers is written; of errors and slow ones all."""
    slow: float = 0.0
    """Requests that took so long are in slow.log as well; 0: none are."""
