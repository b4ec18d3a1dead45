"""How much of a service one client may have: requests in a time, requests at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`count` requests in `period` s on average; `burst` of them may come at once."""

    count: int
    period: float
    burst: int
    by: str = "client_ip"
    """Who is one client: `client_ip`, `header:NAME`, `cookie:NAME` or `claim:NAME`."""
    delay: bool = False
    """Requests that come sooner than the rate are held until their time, as far as `burst` goes."""
    exempt: tuple[str, ...] = ()
    """Networks in CIDR notation whose clients are not counted."""
    label: str = ""
    """What it is called towards clients."""
    account: str = ""
    """Limits of the same account take from the same counts, wherever they stand."""


@dataclass(frozen=True, slots=True)
class Crowding:
    """No more than `most` requests of one address at once."""

    most: int
    scope: str = ""
    """Where they are counted together."""
