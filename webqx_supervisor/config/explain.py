"""From raw TOML tables to the validated document, and every violation in a person's words."""

from dataclasses import dataclass
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from webqx_supervisor.config.environment import TABLE, VARIABLE
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.config.schema import ServicesToml

Complaint = tuple[KeyPath, str]
"""Where, and what is wrong there."""

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read.

    `document` leaves out every service, listener and route with an error, so that the sound ones
    can be checked against each other in the same run. `routes` holds where in the file the
    routes stood that are left.
    """

    document: ServicesToml
    complaints: tuple[Complaint, ...]
    routes: tuple[int, ...]


def read(data: dict[str, Any]) -> Reading:
    """Validate the tables of a services.toml."""
    try:
        document = ServicesToml.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        return Reading(document, (), tuple(range(len(document.routes))))
    wrong = {detail["loc"][:2] for detail in details}
    sound = {
        key: _without(entries, key, wrong) for key, entries in data.items() if (key,) not in wrong
    }
    routes = range(len(data["routes"])) if "routes" in sound else ()
    return Reading(
        ServicesToml.model_validate(sound),
        tuple((_place(data, detail), _message(detail)) for detail in details),
        tuple(position for position in routes if ("routes", position) not in wrong),
    )


def _without(entries: Any, key: str, wrong: set[KeyPath]) -> Any:
    if isinstance(entries, dict):
        return {name: entry for name, entry in entries.items() if (key, name) not in wrong}
    return [entry for position, entry in enumerate(entries) if (key, position) not in wrong]


def _place(data: Any, detail: ErrorDetails) -> KeyPath:
    """Cut what the validator added to the path: [key], and `bind` where it was left out."""
    path: list[str | int] = []
    for part in detail["loc"]:
        if part in (VARIABLE, TABLE):
            continue
        if not _holds(data, part):
            break
        path.append(part)
        data = data[part]
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    return tuple(path)


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int)


def _message(detail: ErrorDetails) -> str:
    kind, value, details = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key{_instead(detail['loc'])}"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(details["error"])
    if kind in {"literal_error", "enum"}:
        return f"wanted {details['expected']}, found {found(value)}"
    if kind in _WANTED:
        return f"wanted {_WANTED[kind]}, found {found(value)}"
    if kind == "greater_than_equal":
        return f"must be {details['ge']} or more, found {found(value)}"
    if kind == "less_than_equal":
        return f"must be {details['le']} or less, found {found(value)}"
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _instead(path: KeyPath) -> str:
    """Name the nearest key that is valid at the place, else all of them."""
    *place, key = path
    known = list(_section(tuple(place)).model_fields)
    return did_you_mean(str(key), known) or f"; known here: {', '.join(known)}"


def _section(path: KeyPath) -> type[BaseModel]:
    kind: Any = ServicesToml
    for part in path:
        if get_args(kind):  # dict[Name, Service], tuple[Route, ...]: `part` picks one of many
            kind = _inner(kind)
            continue
        kind = kind.model_fields[part].annotation
        if type(None) in get_args(kind):
            kind = _inner(kind)
    return cast("type[BaseModel]", kind)


def _inner(kind: Any) -> Any:
    """Return the table that a dict, a tuple or an option is made of."""
    return next(arg for arg in get_args(kind) if hasattr(arg, "model_fields"))
