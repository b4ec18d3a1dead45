"""Errors of the house as the JSON of the control API, and back: the CLI raises what was raised."""

from collections.abc import Iterator
from typing import Any

from webqx_supervisor.model import codec
from webqx_supervisor.model.errors import ConfigError, NotReady, Problem, WebqxError


def to_plain(error: WebqxError) -> dict[str, Any]:
    """Return the body of a failed call; `problems` and `lines` only where the error has them."""
    plain: dict[str, Any] = {
        "kind": type(error).__name__,
        "message": str(error),
        "exit_code": error.exit_code,
    }
    if isinstance(error, ConfigError):
        plain["problems"] = codec.to_plain(error.problems)
    if isinstance(error, NotReady):
        plain["lines"] = list(error.lines)
    return {"error": plain}


def from_plain(plain: Any) -> WebqxError:
    """Return the error that `to_plain` wrote; a WebqxError for anything else."""
    match plain:
        case {"error": {"kind": "ConfigError", "problems": [*problems]}}:
            return ConfigError([codec.from_plain(Problem, each) for each in problems])
        case {"error": {"kind": "NotReady", "message": str(message), "lines": [*lines]}}:
            return NotReady(message, lines)
        case {"error": {"kind": str(kind), "message": str(message)}}:
            return _KINDS.get(kind, WebqxError)(message)
    return WebqxError(f"the daemon's answer is no answer of this program: {plain!r:.200}")


def _family(kind: type[WebqxError]) -> Iterator[tuple[str, type[WebqxError]]]:
    yield kind.__name__, kind
    for child in kind.__subclasses__():
        yield from _family(child)


_KINDS = {name: kind for name, kind in _family(WebqxError) if kind is not ConfigError}
