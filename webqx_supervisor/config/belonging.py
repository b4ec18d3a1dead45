"""The keys of a service that say what it belongs to."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from webqx_supervisor.config import fields
from webqx_supervisor.config.kinds import Name, Section

Names = Annotated[
    tuple[Name, ...],
    Field(strict=False),
    BeforeValidator(fields.listed_texts, json_schema_input_type=str | list[str]),
]


class Belonging(Section):
    """What a service belongs to."""

    group: Names = Field(
        default=(),
        description="Names by which commands mean this service together with others: "
        "`webqx-sv restart backend`.",
    )
    profiles: Names = Field(
        default=(),
        description="With any, the service is started only by its name or by "
        "`start --profile NAME` with one of them.",
    )
