"""How many file descriptors this process may have open: its sockets, pipes and files together."""

import resource
import sys

_MACOS_MOST = 10_240  # OPEN_MAX; setrlimit(2) refuses more there, whatever the hard limit says


def raise_limit() -> None:
    """Raise the soft limit as far as the hard one lets an ordinary user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard
    if sys.platform == "darwin":
        most = max(soft, _MACOS_MOST if hard == resource.RLIM_INFINITY else min(hard, _MACOS_MOST))
    if soft != most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def limit() -> int:
    """Return the soft limit: every descriptor's number is below it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
