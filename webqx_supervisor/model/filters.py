"""What a route does with a request beside carrying it to a service, a value for each part."""

from dataclasses import dataclass, field

from webqx_supervisor.model.audit import AccessAudit
from webqx_supervisor.model.auth import Auth
from webqx_supervisor.model.limits import Crowding, RateLimit
from webqx_supervisor.model.resilience import Retry
from webqx_supervisor.model.telling import Telling

Pairs = tuple[tuple[str, str], ...]
"""Names of fields, and what they say."""


@dataclass(frozen=True, slots=True)
class Cors:
    """Who may call from another origin, by the Fetch standard's CORS protocol.

    An origin is `scheme://host[:port]`, with `*.` before the host for all names below it, or `*`
    for everybody, which goes with no credentials. Methods and headers may be `*` as well.
    """

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: tuple[str, ...] = ("Authorization", "Content-Type")
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: float = 7200.0
    """s for which a browser may keep the answer to a preflight."""
    preflight_status: int = 204


@dataclass(frozen=True, slots=True)
class Edits:
    """What becomes of the fields of a message: first `remove`, then `set`, then `add`."""

    remove: tuple[str, ...] = ()
    set: Pairs = ()
    """Written instead of whatever is there of that name."""
    add: Pairs = ()
    """Written beside whatever is there of that name."""


SECURITY: Pairs = (
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Content-Security-Policy", "frame-ancestors 'none'; base-uri 'self'; object-src 'none'"),
)
"""What `security_headers` sets; browsers heed the first over TLS only (RFC 6797 section 8.1)."""


@dataclass(frozen=True, slots=True)
class Access:
    """Which addresses may ask, as networks in CIDR notation; the longest that holds one decides.

    Whoever is in none may ask, unless there is an `allow`.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compress:
    """Answers are encoded for clients that take it; `encodings` in the order of preference."""

    encodings: tuple[str, ...] = ("zstd", "br", "gzip")
    types: tuple[str, ...] = ()
    """Media types without parameters; none: all that are text."""
    min_size: int = 1024
    """Octets below which a body is left as it is."""


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What people see instead of the proxy's own plain text; see core.pages."""

    statuses: str
    """One, like "404", or a class of them, like "5xx"."""
    text: str
    content_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Filters:
    """All of them; None, or a value that does nothing, for each that is not wanted."""

    access: Access = field(default_factory=Access)
    auth: Auth = field(default_factory=Auth)
    compress: Compress | None = None
    cors: Cors | None = None
    error_pages: tuple[ErrorPage, ...] = ()
    request_headers: Edits = field(default_factory=Edits)
    response_headers: Edits = field(default_factory=Edits)
    retry: Retry | None = None
    telling: Telling = field(default_factory=Telling)
    limits: tuple[RateLimit, ...] = ()
    crowding: Crowding | None = None
    max_body: int | None = None
    """Octets of a request's body; 0: any, None: as the listener has it."""
    audit: AccessAudit | None = None
    """What is recorded of who accesses what; None: nothing."""
    access_log: bool = True
    """Requests have their lines in the access log."""
