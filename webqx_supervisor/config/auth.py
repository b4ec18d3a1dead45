"""The keys by which services.toml says who may ask; they stand with the other filters."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config import auth_fields as fields
from webqx_supervisor.config import units
from webqx_supervisor.config.fields import cookie_name, listed_texts, url_path
from webqx_supervisor.config.kinds import Duration, Section, Texts
from webqx_supervisor.config.paths import Absolute, placed
from webqx_supervisor.model import auth as model

_JWT = model.Jwt()


Header = Annotated[str, AfterValidator(fields.said_header)]
UserHeader = Annotated[str, AfterValidator(fields.user_header)]
File = Annotated[str, AfterValidator(fields.file_place)]
Realm = Annotated[str, AfterValidator(fields.realm)]
Places = Annotated[
    tuple[Annotated[str, AfterValidator(fields.key_place)], ...],
    Field(strict=False),
    BeforeValidator(listed_texts, json_schema_input_type=str | list[str]),
]
Values = Annotated[
    Any,
    BeforeValidator(
        fields.claim_values,
        json_schema_input_type=str | int | bool | list[str | int | bool],
    ),
]


class Jwt(Section):
    """JSON Web Tokens as bearer tokens; text or a list alone is `keys`."""

    keys: Places = Field(
        default=(),
        description="Where the public keys are: a JSON Web Key Set or a PEM file, or the https "
        "address of a set, which is fetched again in time and when a token names a new key.",
    )
    secret: Annotated[str, AfterValidator(fields.secret_place)] | None = Field(
        default=None,
        description='The secret of HS256 and the like: "file:NAME" or "env:NAME" of the daemon.',
    )
    algorithms: Annotated[
        tuple[Annotated[str, AfterValidator(fields.algorithm)], ...], Field(strict=False)
    ] = Field(
        default=_JWT.algorithms,
        description="Only these; by default all that go with the kind of key.",
    )
    issuer: Texts = Field(
        default=_JWT.issuers, description="Who must have issued it (`iss`): one, or one of these."
    )
    audience: Texts = Field(
        default=_JWT.audiences,
        description='Whom it must be meant for (`aud`): one of these, "*" for anybody; by default '
        "only tokens that name nobody.",
    )
    leeway: Duration = Field(
        default=units.as_written(_JWT.leeway),
        description="By how much the issuer's clock may differ.",
    )
    must_expire: bool = Field(
        default=_JWT.must_expire, description="Whether a token without `exp` is refused."
    )
    claims: dict[str, Values] = Field(
        default={},
        description='What claims must say, `{ role = ["admin", "owner"] }`: one of the values, '
        "in a list or alone; `a.b` is the b in a.",
    )
    scopes: Annotated[
        tuple[Annotated[str, AfterValidator(fields.scope)], ...], Field(strict=False)
    ] = Field(default=_JWT.scopes, description="The scopes that it must have, all of them.")
    headers: dict[Header, str] = Field(
        default={},
        description='Headers that tell the worker what claims say, `{ X-User = "sub" }`; '
        "no client can send them.",
    )
    cookie: Annotated[str, AfterValidator(cookie_name)] | None = Field(
        default=None, description="The cookie that may hold it, where there is no Authorization."
    )
    optional: bool = Field(
        default=_JWT.optional,
        description="Whether requests without a token pass; a wrong one is refused nevertheless.",
    )
    realm: Realm = Field(default=_JWT.realm, description="What WWW-Authenticate calls the place.")


class BasicAuth(Section):
    """Names and passwords; text alone is `file`."""

    file: File = Field(
        description="Lines of `name:bcrypt hash`, as `htpasswd -B` and `webqx-sv hash-password` "
        "write them."
    )
    realm: Realm = Field(default="api", description="What the browser calls the place.")
    user_header: UserHeader = Field(
        default="X-User", description="The header that tells the worker the name; empty for none."
    )


class ApiKeys(Section):
    """Long random keys in a header; text alone is `file`."""

    file: File = Field(
        description="Lines of `name:sha256`, of which the second is what `printf %s KEY | "
        "sha256sum` says."
    )
    header: Header = Field(default="X-API-Key", description="The header that holds the key.")
    user_header: UserHeader = Field(
        default="X-User", description="The header that tells the worker the name; empty for none."
    )


class ForwardAuth(Section):
    """A service that is asked with a GET before the worker; text alone is `service`."""

    service: str = Field(description="The service. Its 2xx lets pass, all else is the answer.")
    path: Annotated[str, AfterValidator(url_path)] = Field(
        default="/", description="The path that it is asked for."
    )
    headers: Annotated[
        tuple[Annotated[str, AfterValidator(fields.said_header)], ...], Field(strict=False)
    ] = Field(default=(), description="Headers of its answer that the worker gets.")


class WhoMayAsk(Section):
    """Any of `jwt`, `basic_auth` and `api_keys` is enough; `forward_auth` is asked beside them."""

    jwt: Annotated[
        Jwt | None,
        BeforeValidator(
            fields.jwt_table, json_schema_input_type=str | list[str] | Jwt | Literal[False]
        ),
    ] = Field(
        default=None,
        description="Only with a JSON Web Token: where its keys are, or all of these; false for "
        "nobody asked.",
    )
    basic_auth: Annotated[
        BasicAuth | None,
        BeforeValidator(fields.file_table, json_schema_input_type=str | BasicAuth | Literal[False]),
    ] = Field(default=None, description="Only with a password: the file, or all of these.")
    api_keys: Annotated[
        ApiKeys | None,
        BeforeValidator(fields.file_table, json_schema_input_type=str | ApiKeys | Literal[False]),
    ] = Field(default=None, description="Only with a key: the file, or all of these.")
    forward_auth: Annotated[
        ForwardAuth | None,
        BeforeValidator(
            fields.service_table, json_schema_input_type=str | ForwardAuth | Literal[False]
        ),
    ] = Field(default=None, description="A service that says who may pass, or all of these.")


def sources(entry: Jwt | BasicAuth | ApiKeys, absolute: Absolute) -> list[tuple[str, model.Source]]:
    """Return what must be read for a table, each with the key that names it."""
    if isinstance(entry, BasicAuth):
        return [("file", _file(model.SourceKind.PASSWORDS, entry.file, absolute))]
    if isinstance(entry, ApiKeys):
        return [("file", _file(model.SourceKind.API_KEYS, entry.file, absolute))]
    found = []
    for place in entry.keys:
        if "://" in place:
            source = model.Source(model.SourceKind.KEYS, place)
        else:
            source = _file(model.SourceKind.KEYS, place, absolute)
        found.append(("keys", source))
    if entry.secret is not None:
        kind = model.SourceKind.SECRET
        found.append(("secret", model.Source(kind, placed(entry.secret, absolute))))
    return found


def auth(get: Callable[[str], Any], absolute: Absolute) -> model.Auth:
    """Return what counts for a route; `get` gives what is said for a key."""
    jwt, basic, keys, forward = map(get, ("jwt", "basic_auth", "api_keys", "forward_auth"))
    return model.Auth(
        jwt=_jwt(jwt, absolute) if jwt is not None else None,
        basic=basic
        and model.BasicAuth(sources(basic, absolute)[0][1], basic.user_header, basic.realm),
        api_keys=keys
        and model.ApiKeys(sources(keys, absolute)[0][1], keys.header, keys.user_header),
        forward=forward and model.ForwardAuth(forward.service, forward.path, forward.headers),
    )


def _jwt(entry: Jwt, absolute: Absolute) -> model.Jwt:
    return model.Jwt(
        keys=tuple(source for _, source in sources(entry, absolute)),
        algorithms=entry.algorithms,
        issuers=entry.issuer,
        audiences=entry.audience,
        leeway=entry.leeway,
        must_expire=entry.must_expire,
        claims=tuple(entry.claims.items()),
        scopes=entry.scopes,
        headers=tuple(entry.headers.items()),
        cookie=entry.cookie or "",
        optional=entry.optional,
        realm=entry.realm,
    )


def _file(kind: model.SourceKind, written: str, absolute: Absolute) -> model.Source:
    return model.Source(kind, f"file:{absolute(written)}")
