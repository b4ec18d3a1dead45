"""The keys by which services.toml says what a route does beside carrying requests to a service.

They stand in a route, or in a service for all routes that lead to it; what a route says itself
counts for that route.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import file_fields, units
from webqx_supervisor.config import filter_fields as fields
from webqx_supervisor.config.access_log import Logged
from webqx_supervisor.config.audit import Audited, access
from webqx_supervisor.config.auth import WhoMayAsk, auth
from webqx_supervisor.config.kinds import Duration, Section, Size, Text
from webqx_supervisor.config.limits import Limits, crowding, rate_limits
from webqx_supervisor.config.paths import Absolute
from webqx_supervisor.config.resilience import RetryKey, retry
from webqx_supervisor.config.telling import Telling
from webqx_supervisor.core.folders import content_type
from webqx_supervisor.model import filters as model
from webqx_supervisor.model import telling

_COMPRESS = model.Compress()
_CORS = model.Cors()

FieldName = Annotated[str, AfterValidator(fields.field_name)]
FieldValue = Annotated[str, AfterValidator(fields.field_value)]
FieldNames = Annotated[tuple[FieldName, ...], Field(strict=False)]
Fields = dict[FieldName, FieldValue]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(fields.network)], ...], Field(strict=False)
]
Methods = Annotated[tuple[Annotated[str, AfterValidator(fields.method)], ...], Field(strict=False)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(fields.origin)], ...], Field(strict=False)]


class Cors(Section):
    """Who may call from pages of another origin; a list alone is the origins."""

    origins: Origins = Field(
        description='Like "https://me.github.io", "https://*.example.com" for all hosts below, '
        'or "*" for everybody.'
    )
    methods: Methods = Field(
        default=_CORS.methods, description='The methods that they may use; "*" for any.'
    )
    headers: FieldNames = Field(
        default=_CORS.headers, description='The request headers that they may send; "*" for any.'
    )
    expose: FieldNames = Field(
        default=_CORS.expose, description="The headers of an answer that their scripts may read."
    )
    credentials: bool = Field(
        default=_CORS.credentials,
        description="Whether they may send cookies and HTTP credentials of the user; not for "
        'everybody ("*").',
    )
    max_age: Duration = Field(
        default=units.as_written(_CORS.max_age),
        description="For how long a browser need not ask again.",
    )
    preflight_status: Literal[200, 204] = Field(
        default=204, description="The status of the answer to a preflight."
    )


class Compress(Section):
    """Which answers are compressed for clients that take it; true alone is the defaults."""

    encodings: Annotated[
        tuple[Literal["zstd", "br", "gzip"], ...], Field(strict=False, min_length=1)
    ] = Field(default=("zstd", "br", "gzip"), description="The best first.")
    types: Annotated[
        tuple[Annotated[str, AfterValidator(fields.media_type)], ...], Field(strict=False)
    ] = Field(
        default=_COMPRESS.types,
        description='Only these, like "text/html"; by default all that is text.',
    )
    min_size: Size = Field(
        default=units.size_as_written(_COMPRESS.min_size),
        description="Bodies smaller than this are left as they are.",
    )


class Edits(Section):
    """Changes to the headers of a message: `remove` first, then `set`, then `add`."""

    remove: FieldNames = Field(default=(), description="Taken out.")
    set: Fields = Field(default={}, description="Written instead of what is there of that name.")
    add: Fields = Field(default={}, description="Written beside what is there of that name.")


_Security = Annotated[
    bool,
    Field(
        description="Adds HSTS (over TLS), nosniff, frame, referrer and content policies to "
        "answers; what `response_headers` sets goes first.",
    ),
]


class Filters(WhoMayAsk, Limits, Telling, Audited, Logged):
    """What is done with requests beside carrying them."""

    cors: Annotated[
        Cors | None,
        BeforeValidator(
            fields.cors_table, json_schema_input_type=list[str] | Cors | Literal[False]
        ),
    ] = Field(
        default=None,
        description="Who may call from another origin: a list of origins, or all of these; false "
        "for nobody.",
    )
    allow: Networks = Field(
        default=(),
        description='Only these addresses may ask, like "192.168.0.0/16"; the longest network that '
        "holds an address decides.",
    )
    deny: Networks = Field(default=(), description="These addresses may not ask.")
    compress: Annotated[
        Compress | None,
        BeforeValidator(fields.compress_table, json_schema_input_type=bool | Compress),
    ] = Field(default=None, description="Answers are compressed: true, or all of these.")
    request_headers: Edits = Field(
        default_factory=Edits, description="Changes to what the worker gets."
    )
    response_headers: Edits = Field(
        default_factory=Edits, description="Changes to what the client gets, from whomever."
    )
    security_headers: _Security = False
    error_pages: dict[Annotated[str, AfterValidator(file_fields.statuses)], Text] = Field(
        default={},
        description="Files that people see instead of the proxy's own errors, by status: "
        '{ "404" = "404.html", "5xx" = "sorry.html" }; {status}, {reason} and {request_id} in them '
        "are filled in. "
        "Clients that ask for no HTML get plain text.",
    )
    retry: RetryKey = Field(
        default=None,
        description="When a request goes to another worker beyond what is done anyway: a list of "
        "conditions, or all of these; false for never at all.",
    )


def filters(
    own: Filters,
    service: Filters | None,
    scopes: tuple[str, str],
    pages: Mapping[str, str],
    absolute: Absolute,
) -> model.Filters:
    """Return what counts for a route with these keys of its own, and these of its service.

    `scopes` are the route's and the service's: what clients are counted for. `pages` holds the
    texts of error pages; one that is not there has been complained of.
    """
    entry = Merged(own, service)

    def scope_of(key: str) -> str:
        return scopes[0 if entry.is_own(key) else 1]

    cors, compress = entry.get("cors"), entry.get("compress")
    return model.Filters(
        access=model.Access(entry.get("allow"), entry.get("deny")),
        auth=auth(entry.get, absolute),
        cors=model.Cors(**cors.model_dump()) if cors and cors.origins else None,
        error_pages=tuple(
            model.ErrorPage(statuses, pages[file], content_type(file.encode()).decode())
            for statuses, file in entry.get("error_pages").items()
            if file in pages
        ),
        compress=model.Compress(**compress.model_dump()) if compress else None,
        request_headers=_edits(entry.get("request_headers")),
        response_headers=_secured(
            _edits(entry.get("response_headers")), entry.get("security_headers")
        ),
        telling=_telling(entry),
        retry=retry(entry.get("retry")),
        limits=rate_limits(entry.get("limits"), scope_of("limits")),
        crowding=crowding(
            entry.get("max_in_flight_per_client"), scope_of("max_in_flight_per_client")
        ),
        max_body=entry.get("max_body"),
        audit=access(entry.get("audit")),
        access_log=entry.get("access_log"),
    )


class Merged:
    """What counts for a route: what it says itself, else what its service says."""

    def __init__(self, own: Filters, service: Filters | None) -> None:
        self._own = own
        self._service = service

    def get(self, key: str) -> Any:
        """Return the route's own value if it has one, else its service's."""
        return getattr(self._own if self.is_own(key) else self._service, key)

    def is_own(self, key: str) -> bool:
        """Say whether it is the route's own value that counts."""
        return key in self._own.model_fields_set or self._service is None


def _telling(entry: Merged) -> telling.Telling:
    """Return what is told; spans wherever they are not refused, see config.tracing."""
    trace = entry.get("trace")
    return telling.Telling(
        forwarded=entry.get("forwarded"),
        request_id=entry.get("request_id"),
        trace=bool(trace),
        spans=trace is not False,
        server_timing=entry.get("server_timing"),
    )


def _edits(entry: Edits) -> model.Edits:
    return model.Edits(entry.remove, tuple(entry.set.items()), tuple(entry.add.items()))


def _secured(edits: model.Edits, wanted: bool) -> model.Edits:
    if not wanted:
        return edits
    named = {name.lower() for name, _ in edits.set} | {name.lower() for name in edits.remove}
    preset = tuple(pair for pair in model.SECURITY if pair[0].lower() not in named)
    return model.Edits(edits.remove, (*preset, *edits.set), edits.add)
