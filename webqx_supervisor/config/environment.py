"""The keys by which services.toml says what workers find in their environment."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from webqx_supervisor.config import fields
from webqx_supervisor.config.kinds import Section, Text, Texts
from webqx_supervisor.config.paths import Absolute, placed
from webqx_supervisor.config.phrases import did_you_mean, found

VARIABLE, TABLE = "[variable]", "[table]"
"""What the validator puts into the path of a value of `env`, see explain."""

_SOURCE = re.compile(r"file:[^\0]+|cred:[!-.0-~]{1,255}|env:[A-Za-z_][A-Za-z0-9_]*")

VariableName = Annotated[str, AfterValidator(fields.env_name)]
Variables = dict[VariableName, Text]


def _kind(value: object) -> str:
    return TABLE if isinstance(value, dict) else VARIABLE


def secret_source(value: object) -> str:
    """Take the place of a secret; never the secret itself, and never repeat it."""
    if isinstance(value, str) and _SOURCE.fullmatch(value):
        return value
    raise ValueError(
        'wanted "file:PATH", "cred:NAME" or "env:NAME"; a secret in this file would be in its '
        "history, so name a place that holds it"
    )


def inherited(value: object) -> object:
    """Take true for all, false for nothing, a list for those that it names."""
    if isinstance(value, bool):
        return ("*",) if value else ()
    if isinstance(value, list | tuple):
        return value
    raise ValueError(f"wanted true, false or a list of names; found {found(value)}")


class Environment(Section):
    """What every service may say about the environment of its workers."""

    env: dict[
        VariableName,
        Annotated[
            Annotated[Text, Tag(VARIABLE)] | Annotated[Variables, Tag(TABLE)], Discriminator(_kind)
        ],
    ] = Field(
        default={},
        description="Added to the environment, with `{port}`, `{instance}` and `{service}` filled "
        "in; a table in it is added over that where `--env` names it.",
    )
    env_file: Texts = Field(
        default=(),
        description="Files of NAME=value lines, seen from the folder of this file; a later one "
        "wins, and `env` over all. Values are taken literally, but for the same three.",
    )
    env_inherit: Annotated[
        tuple[Text, ...],
        Field(strict=False),
        BeforeValidator(inherited, json_schema_input_type=bool | list[str]),
    ] = Field(
        default=("*",),
        description="What workers get of the environment that the daemon was started in: all, "
        'nothing, or variables by names and patterns like "LC_*".',
    )
    secrets: dict[
        VariableName, Annotated[str, BeforeValidator(secret_source, json_schema_input_type=str)]
    ] = Field(
        default={},
        description='Added to the environment from a place that is read at each start: "file:PATH" '
        'seen from the folder of this file, "cred:NAME" of systemd, or "env:NAME" of the daemon. '
        "Never shown.",
    )


def variables(
    entry: Environment, from_files: Mapping[str, str], chosen: str
) -> tuple[tuple[str, str], ...]:
    """Return what is added to the environment where `chosen` is the environment's name."""
    plain = {name: value for name, value in entry.env.items() if isinstance(value, str)}
    below = {name: value for name, value in from_files.items() if name not in entry.secrets}
    return tuple({**below, **plain, **_table(entry, chosen)}.items())


def secrets(entry: Environment, chosen: str, absolute: Absolute) -> tuple[tuple[str, str], ...]:
    """Return the places of the secrets by name, but of those that the chosen environment says."""
    over = _table(entry, chosen)
    return tuple(
        (name, placed(place, absolute))
        for name, place in sorted(entry.secrets.items())
        if name not in over
    )


def environments(services: object) -> list[str]:
    """Return the names of all environments in the `[services]` of a file, wrong or right."""
    entries: Iterable[Any] = services.values() if isinstance(services, dict) else ()
    tables = (entry.get("env") for entry in entries if isinstance(entry, dict))
    names = {
        name
        for table in tables
        if isinstance(table, dict)
        for name, value in table.items()
        if isinstance(value, dict)
    }
    return sorted(names)


def unknown(chosen: str, known: list[str]) -> str:
    """Return why there is no such environment; "" if there is, or none is chosen."""
    if not chosen or chosen in known:
        return ""
    there = f"there is: {', '.join(known)}" if known else "there is none at all"
    return (
        f"no service has a table `env.{chosen}`: no such environment"
        f"{did_you_mean(chosen, known)}; {there}"
    )


def _table(entry: Environment, chosen: str) -> Mapping[str, str]:
    value = entry.env.get(chosen, {})
    return value if isinstance(value, dict) else {}
