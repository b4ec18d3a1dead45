"""What a worker is told by its command line and its environment."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from webqx_supervisor.core.inheriting import passed_on
from webqx_supervisor.core.placeholders import fill
from webqx_supervisor.model.service import Service
from webqx_supervisor.process.tree import COOKIE_VARIABLE

TERMINAL_TYPE = "xterm"
"""What TERM says where a worker has a terminal, whatever that of whoever started the daemon is."""


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


def environment(
    service: Service, instance: int, port: int | None, cookie: str, read: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment: the daemon's own, then what services.toml says, then ours.

    What was `read` of its secrets is taken as it is: nothing is filled into it.
    """
    env = passed_on(os.environ, service.env_inherit)
    if service.terminal:
        env["TERM"] = TERMINAL_TYPE
    names, values = [name for name, _ in service.env], tuple(value for _, value in service.env)
    env |= dict(zip(names, filled(values, service, instance, port), strict=True))
    env |= read
    if port is not None:
        env["PORT"] = str(port)
    env["WEBQX_SV_SERVICE"] = service.name
    env["WEBQX_SV_INSTANCE"] = str(instance)
    env[COOKIE_VARIABLE] = cookie
    return env
