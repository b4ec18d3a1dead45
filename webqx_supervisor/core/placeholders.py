"""`{port}`, `{instance}`, `{service}` in a command or an environment; other braces are text."""

import re

_TOKENS = re.compile(r"\{(port|instance|service)\}")


def fill(text: str, *, service: str, instance: int, port: int | None) -> str:
    """Put one worker's own values into `text`.

    Only the three exact tokens are replaced, in one pass, so JSON passes untouched and a value
    is never filled in twice. `{port}` stays as it is for a worker without a port.
    """
    values = {"service": service, "instance": str(instance)}
    if port is not None:
        values["port"] = str(port)
    return _TOKENS.sub(lambda token: values.get(token[1], token[0]), text)
