"""The kinds of values in services.toml: what each looks like in the file, and what it becomes."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from webqx_supervisor.config import fields, units
from webqx_supervisor.config.addresses import bind_address
from webqx_supervisor.config.names import checked_name

# For editors and the reference; what is accepted is decided by the validator beside it.
_DurationText = Annotated[
    str, Field(pattern=units.DURATION_PATTERN, examples=["5s", "200ms", "1h30m"])
]
_SizeText = Annotated[str, Field(pattern=units.SIZE_PATTERN, examples=["512M", "64k", "1G"])]
_ShareText = Annotated[str, Field(pattern=units.SHARE_PATTERN, examples=["20%", "50%"])]
AddressText = Annotated[str, Field(examples=["0.0.0.0:80", "[::]:80"])]
MaxText = Annotated[str, Field(pattern=fields.MAX_PATTERN, examples=["max", "max-1"])]
Text = Annotated[str, AfterValidator(fields.without_nul)]

Count = Annotated[int, Field(ge=0)]
Duration = Annotated[float, BeforeValidator(units.seconds, json_schema_input_type=_DurationText)]
Timeout = Annotated[Duration, AfterValidator(fields.more_than_zero)]
Size = Annotated[int, BeforeValidator(units.size, json_schema_input_type=Count | _SizeText)]
Capacity = Annotated[Size, AfterValidator(fields.more_than_zero)]
Share = Annotated[float, BeforeValidator(units.share, json_schema_input_type=_ShareText)]
Part = Annotated[Share, AfterValidator(fields.more_than_zero)]
Positive = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, AfterValidator(checked_name)]
Texts = Annotated[
    tuple[Text, ...],
    Field(strict=False),
    BeforeValidator(fields.listed_texts, json_schema_input_type=str | list[str]),
]
Command = Annotated[
    tuple[Text, ...],
    Field(strict=False),
    BeforeValidator(fields.words, json_schema_input_type=str | list[str]),
]
Binds = Annotated[
    tuple[Annotated[str, BeforeValidator(bind_address)], ...],
    Field(strict=False),
    BeforeValidator(
        fields.listed, json_schema_input_type=Port | AddressText | list[Port | AddressText]
    ),
]


class Section(BaseModel):
    """A table of services.toml: no key but the named ones, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_default=True)
