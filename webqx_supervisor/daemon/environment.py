"""What a worker is told by its command line and its environment."""

import os
import secrets
from dataclasses import dataclass, field

from webqx_supervisor.core.placeholders import fill
from webqx_supervisor.model.service import Service
from webqx_supervisor.process.tree import COOKIE_VARIABLE

FOREIGN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What the daemon itself is told by its keeper, or by systemd."""


@dataclass(frozen=True, slots=True)
class Gifts:
    """What one process gets beside what its service has: see spawn.Entry for the middle two.

    The cookie is what its whole tree carries.
    """

    env: tuple[tuple[str, str], ...] = ()
    descriptors: tuple[tuple[int, int], ...] = ()
    pid_variable: str = ""
    cookie: str = field(default_factory=lambda: secrets.token_hex(8))


def filled(
    words: tuple[str, ...], service: Service, instance: int, port: int | None
) -> tuple[str, ...]:
    """Return the words with port, instance and service filled in."""
    return tuple(fill(word, service=service.name, instance=instance, port=port) for word in words)


def environment(service: Service, instance: int, port: int | None, cookie: str) -> dict[str, str]:
    """Return the whole environment: the daemon's own, then what services.toml says, then ours."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("WEBQX_SV_")}
    for name in (*FOREIGN, "NODE_CHANNEL_FD"):  # the last of whoever has started the daemon
        env.pop(name, None)
    names, values = [name for name, _ in service.env], tuple(value for _, value in service.env)
    env |= dict(zip(names, filled(values, service, instance, port), strict=True))
    if port is not None:
        env["PORT"] = str(port)
    env["WEBQX_SV_SERVICE"] = service.name
    env["WEBQX_SV_INSTANCE"] = str(instance)
    env[COOKIE_VARIABLE] = cookie
    return env
