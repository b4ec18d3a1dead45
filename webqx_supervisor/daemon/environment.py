"""What a worker is told by its command line and its environment."""

import os

from webqx_supervisor.core.placeholders import fill
from webqx_supervisor.model.service import Service
from webqx_supervisor.process.tree import COOKIE_VARIABLE

TERMINAL_TYPE = "xterm"
"""What TERM says where a worker has a terminal, whatever that of whoever started the daemon is."""


def filled(
    words: tuple[str, ...], service: Service, instance: int, port: int | None
) -> tuple[str, ...]:
    """Return the words with port, instance and service filled in."""
    return tuple(fill(word, service=service.name, instance=instance, port=port) for word in words)


def environment(service: Service, instance: int, port: int | None, cookie: str) -> dict[str, str]:
    """Return the whole environment: the daemon's own, then what services.toml says, then ours."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("WEBQX_SV_")}
    env.pop("NOTIFY_SOCKET", None)  # ours to the keeper, not the worker's
    if service.terminal:
        env["TERM"] = TERMINAL_TYPE
    names, values = [name for name, _ in service.env], tuple(value for _, value in service.env)
    env |= dict(zip(names, filled(values, service, instance, port), strict=True))
    if port is not None:
        env["PORT"] = str(port)
    env["WEBQX_SV_SERVICE"] = service.name
    env["WEBQX_SV_INSTANCE"] = str(instance)
    env[COOKIE_VARIABLE] = cookie
    return env
