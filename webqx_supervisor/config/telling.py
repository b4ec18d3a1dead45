"""The keys that say what workers and clients are told about a request, beside the request."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from webqx_supervisor.config import filter_fields
from webqx_supervisor.config.kinds import Section

_DEFAULT_ID = "X-Request-Id"


def _id_field(value: object) -> object:
    """Take true for the usual field, false for none."""
    if isinstance(value, bool):
        return _DEFAULT_ID if value else ""
    return filter_fields.one_field_name(value) if isinstance(value, str) and value else value


class Telling(Section):
    """What is told beside the request."""

    forwarded: bool = Field(
        default=False,
        description="The worker gets `Forwarded` (RFC 7239) beside `X-Forwarded-*`.",
    )
    request_id: Annotated[str, BeforeValidator(_id_field, json_schema_input_type=bool | str)] = (
        Field(
            default="",
            description="Worker and client get the id that the log has; true means "
            '"X-Request-Id". One that a trusted proxy sends stays.',
        )
    )
    trace: bool | None = Field(
        default=None,
        description="The worker gets a `traceparent` (W3C Trace Context), and the log its trace: "
        "the client's or a new one, or that of a span of ours where the daemon has `tracing`. By "
        "default only there; false is never.",
    )
    server_timing: bool = Field(
        default=False,
        description="The client gets `Server-Timing`: time in the queue, to connect, of the "
        "worker.",
    )
