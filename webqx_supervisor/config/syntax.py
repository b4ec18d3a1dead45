"""The TOML layer of services.toml: text to tables, a syntax error with its line."""

import re
import tomllib
from typing import Any

from webqx_supervisor.model.errors import ConfigError, Problem

_SHUT = re.compile(r"cannot (?:declare|mutate immutable namespace) \(", re.IGNORECASE)
_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_INLINE = "; to a table that is written as { } nothing can be added: write it as a [table] too"


def load(text: str, file: str) -> dict[str, Any]:
    """Parse TOML 1.0. Raises ConfigError with one Problem; the parser stops at the first."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_problem(str(error), text, file)]) from None
    except RecursionError:
        raise ConfigError([Problem(file, None, "", "nested too deeply")]) from None


def _problem(message: str, text: str, file: str) -> Problem:
    position = _POSITION.search(message)
    line = None
    if position is not None:
        message = message[: position.start()]
        line = int(position[1]) if position[1] else text.count("\n", 0, len(text.rstrip())) + 1
    hint = _INLINE if _SHUT.match(message) else ""
    return Problem(file, line, "", f"not TOML: {message[:1].lower()}{message[1:]}{hint}")
