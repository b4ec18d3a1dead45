"""Which variables of the daemon's own environment a worker gets."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

OURS = "WEBQX_SV_"
"""How the names begin that are the daemon's own affair."""
TO_THE_DAEMON = frozenset(
    (
        # By systemd or the keeper: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).
        *("NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"),
        *("WATCHDOG_PID", "WATCHDOG_USEC"),
        # By a Node program that has started it, over a descriptor that no worker has.
        "NODE_CHANNEL_FD",
    )
)


def passed_on(environ: Mapping[str, str], patterns: Iterable[str]) -> dict[str, str]:
    """Return what of `environ` one of the names or patterns (`*`, `?`, `[a-z]`) matches."""
    wanted = tuple(patterns)
    return {
        name: value
        for name, value in environ.items()
        if not (name.startswith(OURS) or name in TO_THE_DAEMON)
        and ("*" in wanted or any(fnmatchcase(name, pattern) for pattern in wanted))
    }
