"""Change one value of a services.toml; comments, order and blank lines stay as they are."""

from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from webqx_supervisor.model.errors import WebqxError


def set_instances(text: str, service: str, instances: int) -> str:
    """Return the text with another number of instances of a service.

    Raises WebqxError where the text is no TOML or has no such service.
    """
    try:
        document: Any = tomlkit.parse(text)
        document["services"][service]["instances"] = instances
    except TOMLKitError as error:  # a missing key is one of them
        raise WebqxError(f"cannot save the instances of {service}: {error}") from None
    return tomlkit.dumps(document)
