"""When the keys of an issuer are fetched again. Times are seconds of any one clock."""

import math
from dataclasses import dataclass, replace

USUAL = 600.0
"""s between two fetches, where the issuer says nothing about it."""
SHORTEST = 60.0
LONGEST = 24 * 3600.0
"""The bounds of what an issuer may say."""
GAP = 30.0
"""s that pass at least between two fetches because of tokens that name unknown keys."""
FIRST_RETRY = 2.0
LAST_RETRY = 300.0
"""After a failure the pause is the first of these, and doubles up to the second."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """What is known of the fetches of one source."""

    tried_at: float | None = None
    failures: int = 0
    """In a row, up to now."""
    pause: float = 0.0
    missing: bool = False
    """A token named a key that the last fetch has not brought."""
    hastened_at: float | None = None
    """When keys were last fetched for that reason."""

    def due_at(self) -> float:
        """Return when to fetch next; -inf before the first fetch, and for the first missing key."""
        if self.tried_at is None:
            return -math.inf
        due = self.tried_at + self.pause
        if not self.missing:
            return due
        return -math.inf if self.hastened_at is None else min(due, self.hastened_at + GAP)

    def key_missing(self) -> "Refresh":
        """Take in that a token names a key that is not there."""
        return replace(self, missing=True)

    def fetched(self, now: float, max_age: float | None, luck: float) -> "Refresh":
        """Take in a success; `max_age` is what the issuer said.

        `luck`, from 0 to 1, keeps many daemons from asking in the same instant.
        """
        wanted = USUAL if max_age is None else min(max(max_age, SHORTEST), LONGEST)
        return self._tried(now, 0, wanted * (0.9 + 0.1 * luck))

    def failed(self, now: float, luck: float) -> "Refresh":
        """Take in a failure."""
        pause = min(FIRST_RETRY * 2.0 ** min(self.failures, 16), LAST_RETRY)
        return self._tried(now, self.failures + 1, pause * (0.9 + 0.1 * luck))

    def _tried(self, now: float, failures: int, pause: float) -> "Refresh":
        hastened_at = now if self.missing else self.hastened_at
        return Refresh(now, failures, pause, hastened_at=hastened_at)


def max_age(cache_control: str) -> float | None:
    """Return what Cache-Control says of an answer's life (RFC 9111 section 5.2.2.1), None: nothing.

    `no-store` and `no-cache` say 0: the bounds above are the cache's own.
    """
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in ("no-store", "no-cache"):
            return 0.0
        digits = value.strip('"')
        if name == "max-age" and digits.isascii() and digits.isdecimal() and len(digits) < 12:
            return float(digits)
    return None
