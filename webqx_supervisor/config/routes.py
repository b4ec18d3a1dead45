"""The keys of a route: which requests it takes, and what becomes of them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import fields, filter_fields
from webqx_supervisor.config.filters import Fields, FieldValue, Filters, Methods
from webqx_supervisor.config.kinds import Name, Section
from webqx_supervisor.model import gateway

_ANSWER = gateway.FixedAnswer()

UrlPath = Annotated[str, AfterValidator(fields.url_path)]


class Redirect(Section):
    """Another address that requests are sent to; text alone is `to`."""

    to: Annotated[str, AfterValidator(filter_fields.redirect_target)] = Field(
        description="An address or a path; {host}, {path} and {query} are those of the request."
    )
    status: Literal[301, 302, 303, 307, 308] = Field(
        default=308,
        description="301 and 308 are for good, 302 and 307 for now, 303 makes a GET of it.",
    )


class FixedAnswer(Section):
    """An answer that is always the same; text alone is `body`, a number alone `status`."""

    status: Annotated[int, Field(ge=200, le=599)] = Field(
        default=_ANSWER.status, description="The status."
    )
    body: str = Field(default=_ANSWER.body, description="The text.")
    content_type: FieldValue = Field(
        default=_ANSWER.content_type, description="What kind of text it is."
    )


class Lead(Section):
    """Which requests, and where to."""

    name: Name | None = Field(
        default=None, description="What `pause` and `resume` call it; the service's name else."
    )
    listener: str = Field(
        description="The listener; that of a service's `listen` has the service's name."
    )
    host: Annotated[str, AfterValidator(fields.host)] | None = Field(
        default=None,
        description='Only requests for this host, without its port; "*.example.com" is any host '
        "below that name; by default for any.",
    )
    path: UrlPath = Field(
        default="/", description="Only paths below this one, by whole segments; the longest wins."
    )
    pattern: Annotated[str, AfterValidator(filter_fields.pattern)] | None = Field(
        default=None,
        description='Instead of `path`, what the whole path looks like: "/users/*/photos/**", '
        "where `*` is anything within a segment, `**` at the end anything at all.",
    )
    methods: Methods = Field(default=(), description="Only requests with these methods.")
    headers: Fields = Field(
        default={}, description='Only requests whose headers say this; "*" for anything.'
    )
    service: str | None = Field(default=None, description="The service that answers.")
    backup: str | None = Field(
        default=None, description="The service that answers while no worker of `service` is up."
    )
    redirect: Annotated[
        Redirect | None,
        BeforeValidator(filter_fields.redirect_table, json_schema_input_type=str | Redirect),
    ] = Field(default=None, description="Sends the client to another address.")
    answer: Annotated[
        FixedAnswer | None,
        BeforeValidator(filter_fields.answer_table, json_schema_input_type=str | int | FixedAnswer),
    ] = Field(default=None, description="Answers always the same.")
    strip_prefix: bool = Field(
        default=False, description="The worker sees the path without what `path` names."
    )
    rewrite: UrlPath | None = Field(
        default=None, description="The worker sees this instead of what `path` names."
    )


class Route(Filters, Lead):
    """Which requests of a listener go where: to a service, a redirect or a fixed answer."""
