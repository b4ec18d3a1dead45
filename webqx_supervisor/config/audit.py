"""The keys that say what is recorded of who did what: of commands, and of requests."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import units
from webqx_supervisor.config.auth_fields import file_place
from webqx_supervisor.config.fields import listed_texts
from webqx_supervisor.config.keyfile import read_key
from webqx_supervisor.config.kinds import Capacity, Duration, Section, Text
from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.model import audit as model

_AUDIT = model.Audit()
_PATTERN = re.compile(r"(/(\*|[^/*?#\s]+))*(/\*\*)?/?")


def access_table(value: object) -> object:
    """Take true for the defaults, false for nothing, a list for `redact`."""
    if isinstance(value, bool):
        return {} if value else None
    return {"redact": value} if isinstance(value, str | list) else value


def redacted(text: str) -> str:
    """Take the name of a field, or a pattern of paths. Raises ValueError."""
    if text in model.FIELDS:
        return text
    if text.startswith("/"):
        if "*" in text and _PATTERN.fullmatch(text):
            return text
        raise ValueError(
            'wanted a pattern with `*` for whole segments, like "/patients/*" or "/files/**"; '
            f"found {found(text)}"
        )
    raise ValueError(
        f'wanted one of {", ".join(model.FIELDS)} or a pattern like "/patients/*"; '
        f"found {found(text)}{did_you_mean(text, model.FIELDS)}"
    )


Redacted = Annotated[
    tuple[Annotated[str, AfterValidator(redacted)], ...],
    Field(strict=False),
    BeforeValidator(listed_texts, json_schema_input_type=str | list[str]),
]
KeyFile = Annotated[str, AfterValidator(file_place)]


class AccessAudit(Section):
    """What is recorded of who accesses what; true alone is the defaults."""

    redact: Redacted = Field(
        default=(),
        description='What is left out: "client", "subject", "path" or "reason", and what stands at '
        'a `*` of paths like "/patients/*/visits" or below "/files/**".',
    )
    subject: Annotated[str, Field(min_length=1)] = Field(
        default=model.AccessAudit().subject,
        description="The claim of the token that says who asks; `a.b` is the b in a.",
    )
    on_failure: Annotated[model.OnFailure, Field(strict=False)] = Field(
        default=model.AccessAudit().on_failure,
        description='Requests that cannot be recorded, as the disk is full, "go-on" and are '
        'counted, or are answered with 503: "refuse".',
    )


class Audited(Section):
    """What a route may say about its records."""

    audit: Annotated[
        AccessAudit | None,
        BeforeValidator(access_table, json_schema_input_type=bool | list[str] | AccessAudit),
    ] = Field(
        default=None,
        description="Who accesses what is recorded in the audit log: true, what to leave out, or "
        "all of these.",
    )


class Audit(Section):
    """The audit log: who did what by commands, and who accessed what on routes that say so."""

    folder: Text | None = Field(
        default=None,
        description="Where it is kept, seen from the folder of this file; by default `audit` in "
        "the state folder.",
    )
    commands: Annotated[model.Commands, Field(strict=False)] = Field(
        default=_AUDIT.commands,
        description='Which commands are recorded: those that change something, or "all".',
    )
    key_file: KeyFile | None = Field(
        default=None,
        description="A file with 32 random bytes in hexadecimal or base64, mode 0600: who does "
        "not have it cannot forge the chain.",
    )
    encryption_key_file: KeyFile | None = Field(
        default=None, description="Such a file too; the records are encrypted with AES-256-GCM."
    )
    max_size: Capacity = Field(
        default=units.size_as_written(_AUDIT.max_size),
        description="The size at which the next file is begun.",
    )
    max_age: Duration = Field(
        default=units.as_written(_AUDIT.max_age),
        description='A new file is begun at every whole such time of UTC, "1d" at midnight; 0 '
        "means for the size alone.",
    )
    compress: bool = Field(
        default=_AUDIT.compress, description="Whether all files but the last are compressed."
    )
    keep_for: Duration = Field(
        default=units.as_written(_AUDIT.keep_for),
        description="Files whose last record is older are removed, which is recorded; 0 means "
        "never.",
    )
    on_failure: Annotated[model.OnFailure, Field(strict=False)] = Field(
        default=_AUDIT.on_failure,
        description='Commands that cannot be recorded, as the disk is full, "go-on", or are '
        'refused: "refuse".',
    )


def policy(
    entry: Audit | None, *, asked_for: bool, absolute: Callable[[str], str]
) -> model.Audit | None:
    """Return the audit log that is wanted: with its table, or where any route asks for one."""
    if entry is None:
        return _AUDIT if asked_for else None
    places = {
        key: absolute(value) if (value := getattr(entry, key)) else ""
        for key in ("folder", "key_file", "encryption_key_file")
    }
    return model.Audit(**{**entry.model_dump(), **places})


def access(entry: AccessAudit | None) -> model.AccessAudit | None:
    """Return what is recorded of a route."""
    return model.AccessAudit(**entry.model_dump()) if entry is not None else None


def problems(
    entry: Audit | None, absolute: Callable[[str], str]
) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Find what is wrong with the files of keys; nothing of them is ever repeated."""
    if entry is None:
        return
    for key in ("key_file", "encryption_key_file"):
        written = getattr(entry, key)
        if written:
            try:
                read_key(absolute(written))
            except ValueError as error:
                yield ("audit", key), str(error)
    if entry.key_file and entry.key_file == entry.encryption_key_file:
        yield ("audit", "encryption_key_file"), "one key for two ends: take another file"
