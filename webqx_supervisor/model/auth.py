"""Who may ask, by what they carry: tokens, passwords, keys, or what a service says of them.

What is secret stands in no route: a route names the Source, and the table brings what is in it.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class SourceKind(StrEnum):
    """What is to be found in a source."""

    KEYS = "keys"
    """A JSON Web Key Set (RFC 7517), one key of it, or a public key in PEM."""
    SECRET = "secret"  # noqa: S105 - the word for it, no secret
    """What signer and verifier share, as text."""
    PASSWORDS = "passwords"
    """Lines of `name:bcrypt hash`, as htpasswd writes them."""
    API_KEYS = "api_keys"
    """Lines of `name:sha256 of the key in hexadecimal`."""


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where a secret, or keys, are read: `file:/path`, `env:NAME` or an address (KEYS only)."""

    kind: SourceKind
    place: str

    @property
    def is_remote(self) -> bool:
        """Whether it is fetched over HTTP."""
        return self.place.startswith(("https:", "http:"))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a source holds now; `reason` says why there is nothing (yet).

    `tries` grows with every attempt to read it anew, so that who waits for one sees its end.
    """

    source: Source
    text: str = field(default="", repr=False)
    reason: str = ""
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Jwt:
    """Bearer tokens (RFC 6750) that are JSON Web Tokens (RFC 7519), signed by one of the keys."""

    keys: tuple[Source, ...] = ()
    algorithms: tuple[str, ...] = ()
    """Those allowed; empty: all that go with the kind of key."""
    issuers: tuple[str, ...] = ()
    """Empty: any."""
    audiences: tuple[str, ...] = ()
    """One of them must be meant. Empty: only tokens that name none; "*": any."""
    leeway: float = 30.0
    """s by which the clock of the issuer may differ."""
    must_expire: bool = True
    """A token without `exp` is refused."""
    claims: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What claims must say: a name, and the values of which one must be there, as JSON."""
    scopes: tuple[str, ...] = ()
    """All of them must be granted."""
    headers: tuple[tuple[str, str], ...] = ()
    """Fields for the worker, each with the claim that it is to say."""
    cookie: str = ""
    """The cookie that may hold the token, where there is no Authorization."""
    optional: bool = False
    """Who has no token passes too, without claims; a wrong one is refused nevertheless."""
    realm: str = "api"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """A name and a password (RFC 7617)."""

    passwords: Source
    user_header: str = "X-User"
    """The field by which the worker learns the name; empty: it does not."""
    realm: str = "api"


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """A long random key in a field of its own."""

    keys: Source
    header: str = "X-API-Key"
    user_header: str = "X-User"
    """The field by which the worker learns whose key it is; empty: it does not."""


@dataclass(frozen=True, slots=True)
class ForwardAuth:
    """Another service is asked: its 2xx lets the request pass, all else is the answer."""

    service: str
    path: str = "/"
    headers: tuple[str, ...] = ()
    """Fields of its answer that the worker gets."""


@dataclass(frozen=True, slots=True)
class Auth:
    """All of it. Any of jwt, basic and api_keys is enough; forward is asked beside them."""

    jwt: Jwt | None = None
    basic: BasicAuth | None = None
    api_keys: ApiKeys | None = None
    forward: ForwardAuth | None = None
    reserved: tuple[str, ...] = ()
    """Fields that a client cannot say, since some route to the same service says them."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that must be read for it."""
        found = list(self.jwt.keys) if self.jwt is not None else []
        if self.basic is not None:
            found.append(self.basic.passwords)
        if self.api_keys is not None:
            found.append(self.api_keys.keys)
        return tuple(found)

    @property
    def said(self) -> tuple[str, ...]:
        """The names of all fields by which the worker learns who asks."""
        names = [name for name, _ in self.jwt.headers] if self.jwt is not None else []
        names += [each.user_header for each in (self.basic, self.api_keys) if each is not None]
        names += self.forward.headers if self.forward is not None else ()
        return tuple(dict.fromkeys(name for name in names if name))
