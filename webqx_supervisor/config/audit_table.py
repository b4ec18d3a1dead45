"""What a services.toml says of its audit log, for who reads the log and asks no daemon."""

import os
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from webqx_supervisor.config.audit import Audit, policy
from webqx_supervisor.config.files import read_services_toml
from webqx_supervisor.config.lines import dotted, key_lines
from webqx_supervisor.config.paths import absolute
from webqx_supervisor.config.syntax import load
from webqx_supervisor.model import audit as model
from webqx_supervisor.model.errors import ConfigError, Problem


def read_policy(file: Path) -> model.Audit:
    """Return what a services.toml says of its audit log, whatever else is wrong in it.

    Raises ConfigError.
    """
    text = read_services_toml(file)
    data = load(text, str(file)).get("audit", {})
    folder = Path(os.path.abspath(file)).parent  # noqa: PTH100 - links are not followed
    try:
        entry = Audit.model_validate(data)
    except ValidationError as error:
        wrong = error.errors()[0]
        path = ("audit", *wrong["loc"])
        line = key_lines(text).get(path)
        raise ConfigError([Problem(str(file), line, dotted(path), wrong["msg"])]) from None
    found = policy(entry, asked_for=True, absolute=partial(absolute, folder))
    assert found is not None, "it is asked for"
    return found
