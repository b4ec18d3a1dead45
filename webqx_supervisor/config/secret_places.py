"""What is doubtful about the places of secrets, on this machine and for this user.

None of it is wrong in services.toml: the place may be made, or filled, before the daemon reads it.
"""

import os
from collections.abc import Mapping

from webqx_supervisor.config.lines import dotted
from webqx_supervisor.config.secretfile import CREDENTIALS, NoSecret, exposed, path_of, read_secret
from webqx_supervisor.config.services_toml import lines_of
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import Problem


def doubtful_secrets(config: Config, environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """Name each secret that a worker could not be started with, and each that others may read.

    The daemon's own environment is not known here, so nothing is said of what comes from there.
    """
    lines, problems = lines_of(config.file), []
    for service in config.services:
        for name, place in service.secrets:
            if reason := _doubt(place, environ):
                path = ("services", service.name, "secrets", name)
                line = lines.get(path) or lines.get(path[:-1]) or lines.get(path[:-2])
                problems.append(Problem(config.file, line, dotted(path), reason))
    return problems


def _doubt(place: str, environ: Mapping[str, str]) -> str:
    if place.startswith("env:") or (place.startswith("cred:") and CREDENTIALS not in environ):
        return ""
    try:
        read_secret(place, environ)
        return exposed(path_of(place, environ))
    except NoSecret as error:
        return str(error)
