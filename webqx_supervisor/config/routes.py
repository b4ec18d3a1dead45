"""The keys of a route: which requests it takes, and what becomes of them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import fields, file_fields, filter_fields
from webqx_supervisor.config.filters import Fields, FieldValue, Filters, Methods
from webqx_supervisor.config.kinds import Name, Section, Text, Timeout
from webqx_supervisor.model import gateway

_ANSWER = gateway.FixedAnswer()
_FILES = gateway.Files("")

RoutePath = Annotated[str, AfterValidator(fields.route_path)]


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


InnerFile = Annotated[str, AfterValidator(file_fields.inner_file)]
CachePattern = Annotated[str, AfterValidator(file_fields.cache_pattern)]
CacheControl = Annotated[str, AfterValidator(file_fields.cache_control)]


class Files(Section):
    """A folder whose files are the answers; text alone is `folder`."""

    folder: Text = Field(
        description="The folder, seen from the folder of this file. What `path` of the route names "
        "is no part of the files' names."
    )
    index: Annotated[tuple[InnerFile, ...], Field(strict=False)] = Field(
        default=_FILES.index, description="What answers for a folder; the first that is there."
    )
    fallback: InnerFile | None = Field(
        default=None,
        description="What answers for pages that are not there: the page of a front end that knows "
        "by itself what its addresses mean.",
    )
    cache: Annotated[
        dict[CachePattern, CacheControl],
        BeforeValidator(file_fields.cache_table, json_schema_input_type=str | dict[str, str]),
    ] = Field(
        default=dict(_FILES.cache),
        description='How long browsers keep a file without asking: "1h", "1y immutable", '
        '"no-cache" or "no-store"; or a table by pattern, { "*.html" = "no-cache", '
        '"/assets/*" = "1y" }, of which the longest that fits counts.',
    )
    precompressed: bool = Field(
        default=_FILES.precompressed,
        description="Clients that take it get FILE.br, FILE.zst or FILE.gz if it is there.",
    )
    hidden: bool = Field(
        default=_FILES.hidden,
        description="Files whose names begin with a dot are served too; `.well-known` always is.",
    )
    listing: bool = Field(
        default=_FILES.listing, description="A folder without index is answered with its content."
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
    path: RoutePath = Field(
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
    files: Annotated[
        Files | None,
        BeforeValidator(file_fields.files_table, json_schema_input_type=str | Files),
    ] = Field(default=None, description="Answers with the files of a folder.")
    response_timeout: Timeout | None = Field(
        default=None,
        description="How long a worker may be silent here; by default as its service says "
        "(`forward`).",
    )
    strip_prefix: bool = Field(
        default=False, description="The worker sees the path without what `path` names."
    )
    rewrite: RoutePath | None = Field(
        default=None, description="The worker sees this instead of what `path` names."
    )


class Route(Filters, Lead):
    """Which requests of a listener go where: to a service, files, a redirect or an answer."""
