"""The keys that say how the proxies write down what they have answered."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import units
from webqx_supervisor.config.kinds import Capacity, Count, Duration, Section
from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.core import accessformat
from webqx_supervisor.model import accesslog as model

_LOG = model.AccessLog()
NAMES = ("default", "json", *accessformat.NAMED)


def log_table(value: object) -> object:
    """Take `access_log = "combined"` for `access_log = { format = "combined" }`; false for none."""
    if isinstance(value, bool):
        return {"enabled": value}
    return {"format": value} if isinstance(value, str) else value


def log_format(text: str) -> str:
    """Take the name of a format, or a text with variables. Raises ValueError."""
    if text in NAMES:
        return text
    names = accessformat.variables(text)
    if not names:
        near = did_you_mean(text, NAMES)
        wanted = f"wanted {', '.join(NAMES)}, or a text with variables like `$status`"
        raise ValueError(f"{wanted}; found {found(text)}{near}")
    for name in names:
        if not accessformat.is_variable(name):
            near = did_you_mean(name, list(accessformat.VARIABLES))
            known = near or f"; known: {', '.join(accessformat.VARIABLES)}, http_NAME"
            raise ValueError(f"there is no variable `${name}`{known}")
    if any(not each.isprintable() for each in text if each != "\t"):
        raise ValueError("a format is one line of text")
    return text


def part(value: object) -> object:
    """Take a part of 1, or text like "10%". Raises ValueError."""
    if isinstance(value, str):
        return units.share(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ValueError(f'wanted a part from 0 to 1, like 0.1, or "10%"; found {found(value)}')


class AccessLog(Section):
    """The access log; a format alone is `format`, false is none."""

    enabled: bool = Field(default=_LOG.enabled, description="Whether there is one.")
    format: Annotated[str, AfterValidator(log_format)] = Field(
        default=_LOG.format,
        description='"default", "common", "combined", "json", or a text with variables like '
        "`$remote_addr` and `$http_user_agent`.",
    )
    max_size: Capacity = Field(
        default=units.size_as_written(_LOG.max_size),
        description="The size at which the file is rotated.",
    )
    max_age: Duration = Field(
        default=units.as_written(_LOG.max_age),
        description='It is rotated at every whole such time of UTC, "1d" at midnight; 0 means for '
        "its size alone.",
    )
    keep: Count = Field(default=_LOG.keep, description="How many rotated files are kept.")
    compress: bool = Field(
        default=_LOG.compress, description="Whether rotated files are compressed, with gzip."
    )
    keep_for: Duration = Field(
        default=units.as_written(_LOG.keep_for),
        description="Rotated files whose last line is older are removed; 0 means none for its age.",
    )
    sample: Annotated[float, BeforeValidator(part, json_schema_input_type=float | str)] = Field(
        default=_LOG.sample,
        description='The share of the answers that have a line, 0.1 or "10%"; errors, 400 and '
        "more, and slow ones always have.",
    )
    slow: Duration = Field(
        default=units.as_written(_LOG.slow),
        description="Requests that took so long have a line in `slow.log` as well; 0 means none.",
    )


class Logged(Section):
    """What a route may say about its lines."""

    access_log: bool = Field(
        default=True, description="Whether requests have their lines in the access log."
    )


AccessLogKey = Annotated[
    AccessLog,
    BeforeValidator(log_table, json_schema_input_type=bool | str | AccessLog),
]


def access_log(entry: AccessLog) -> model.AccessLog:
    """Return how it is written."""
    return model.AccessLog(**entry.model_dump())
