"""What cannot be true at once of services that run elsewhere."""

from collections.abc import Iterator, Mapping

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.schema import Service

HERE = (
    "cwd",
    "env",
    "env_file",
    "env_inherit",
    "secrets",
    "instances",
    "autoscale",
    "port",
    "restart",
    "logs",
    "kind",
    "restart_with",
    "schedule",
    "overlap",
    "cron_restart",
    "max_age",
    "max_requests",
    "time_zone",
    "watch",
    "hooks",
    "resources",
    "user",
    "no_new_privileges",
    "private_tmp",
    "terminal",
)
"""Keys that count only for what is started here."""


def remote_clashes(services: Mapping[str, Service]) -> Iterator[Complaint]:
    """Find services that run both here and elsewhere, or there with what counts here."""
    for name, entry in services.items():
        if not entry.remote:
            continue
        if entry.command:
            message = "the service has a `command`: it runs here or elsewhere, not both"
            yield ("services", name, "remote"), message
        for key in HERE:
            if key in entry.model_fields_set:
                yield ("services", name, key), "has no meaning for a service that is `remote`"
