"""JSON Web Tokens (RFC 7519, RFC 7515, RFC 8725): which key may vouch for one, and what it grants.

The key decides which algorithm is allowed, never the token: a public key is no secret of an HMAC,
and nothing is signed by `none`. Nothing of the payload is looked at before its signature is known
to be good.
"""

import binascii
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from webqx_supervisor.core import claims as words
from webqx_supervisor.core.strict_json import load_object
from webqx_supervisor.model.auth import Jwt

TOKEN_LIMIT = 8 * 1024
"""Octets of a token; a longer one is not looked at."""
MOST_ATTEMPTS = 4
"""How many keys are tried for one token: one that names none may fit several."""
ANY = "*"
HMAC = frozenset({"HS256", "HS384", "HS512"})
RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "secp256k1": "ES256K"}
EDWARDS = {"Ed25519": "EdDSA", "Ed448": "EdDSA"}
"""What goes with which kind of key (RFC 7518 section 3.1, RFC 8037, RFC 8812)."""
ALGORITHMS = HMAC | RSA | frozenset(CURVES.values()) | frozenset(EDWARDS.values())

_PARTS = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)").fullmatch
_UNTIL_ASKED_AGAIN = 300.0  # s for which a token without `exp` is believed


class Invalid(Exception):  # noqa: N818 - what the token is
    """The token vouches for nobody: 401 and invalid_token (RFC 6750 section 3.1)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(Invalid):
    """No key of this name is known, yet; the issuer may have begun to use a new one."""


class Insufficient(Exception):  # noqa: N818 - what the token is
    """The token is good but not good for this: 403 and insufficient_scope."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Key(Protocol):
    """As much of a key as this needs."""

    @property
    def kid(self) -> str:
        """Its name; empty if it has none."""

    @property
    def algorithms(self) -> frozenset[str]:
        """What it may be used with."""

    def has_signed(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Say whether a signature is good, made by one of its algorithms."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart. `signed` is what the signature is for; the payload is still unread."""

    algorithm: str
    kid: str
    signed: bytes
    payload: bytes
    signature: bytes


def read(octets: bytes) -> Token:
    """Take a token apart. Raises Invalid."""
    if len(octets) > TOKEN_LIMIT:
        raise Invalid("the token is too long")
    parts = _PARTS(octets)
    if parts is None:
        raise Invalid("this is no JSON Web Token")
    try:
        header = load_object(_decoded(parts[1]))
        payload, signature = _decoded(parts[2]), _decoded(parts[3])
    except ValueError:
        raise Invalid("the token is malformed") from None
    algorithm, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or not isinstance(kid, str):
        raise Invalid("the token's header is malformed")
    if "crit" in header or "b64" in header:  # RFC 7515 section 4.1.11, RFC 7797 section 7
        raise Invalid("the token's header asks for what is not understood here")
    return Token(algorithm, kid, octets[: parts.end(2)], payload, signature)


def verify(token: Token, keys: Iterable[Key], allowed: Collection[str]) -> None:
    """Return if one of the keys has signed the token, by one of the `allowed` algorithms (if any).

    Raises UnknownKey where the token names a key that is not among them, Invalid else.
    """
    keys = [*keys]
    algorithm = token.algorithm
    if algorithm not in ALGORITHMS or (allowed and algorithm not in allowed):
        raise Invalid("the token's algorithm is not allowed")
    # Who names no key must not have a hundred tried; a key without a name may be any token's.
    fitting = [
        key
        for key in keys
        if algorithm in key.algorithms and (not token.kid or key.kid in ("", token.kid))
    ]
    fitting.sort(key=lambda key: key.kid != token.kid)
    for key in fitting[:MOST_ATTEMPTS]:
        if key.has_signed(algorithm, token.signed, token.signature):
            return
    names = {key.kid for key in keys if key.kid}
    if token.kid and token.kid not in names and (names or not fitting):
        raise UnknownKey("no key is called like the token's")
    raise Invalid(
        "the token's signature is wrong" if fitting else "no key is for the token's algorithm"
    )


def claims_of(token: Token) -> dict[str, Any]:
    """Return what a token says whose signature is good. Raises Invalid."""
    try:
        return load_object(token.payload)
    except ValueError:
        raise Invalid("the token's claims are malformed") from None


def check(policy: Jwt, claims: Mapping[str, Any], now: float) -> float:
    """Return until when what the claims grant may be remembered; times are Unix time in s.

    Raises Invalid if they say nothing for here and now.
    """
    until = _check_times(policy, claims, now)
    issuer = claims.get("iss")
    if policy.issuers and not (isinstance(issuer, str) and issuer in policy.issuers):
        raise Invalid("the token is from another issuer")
    _check_audience(policy.audiences, claims.get("aud"))
    return until


def check_grants(policy: Jwt, claims: Mapping[str, Any]) -> None:
    """Return if the claims grant what the policy wants. Raises Insufficient."""
    missing = [each for each in policy.scopes if each not in words.scopes(claims)]
    if missing:
        raise Insufficient(f"the token lacks the scope {missing[0]}")
    for name, wanted in policy.claims:
        if not words.says(words.find(claims, name), wanted):
            raise Insufficient(f"the token's {name} does not grant this")


def _check_times(policy: Jwt, claims: Mapping[str, Any], now: float) -> float:
    expires, begins = _time(claims, "exp"), _time(claims, "nbf")
    if expires is None and policy.must_expire:
        raise Invalid("the token never expires")
    if expires is not None and now >= expires + policy.leeway:
        raise Invalid("the token has expired")
    if begins is not None and now < begins - policy.leeway:
        raise Invalid("the token is not valid yet")
    return now + _UNTIL_ASKED_AGAIN if expires is None else expires + policy.leeway


def _check_audience(wanted: Collection[str], said: Any) -> None:
    """Hold an audience against those meant here (RFC 7519 section 4.1.3)."""
    if ANY in wanted or (said is None and not wanted):
        return
    values = said if isinstance(said, list) else [said]
    if not any(isinstance(each, str) and each in wanted for each in values):
        raise Invalid("the token is for another audience")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"the token's {name} is no time")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise Invalid(f"the token's {name} is no time")
    return seconds


def _decoded(part: bytes) -> bytes:
    """Return the octets behind base64url. Raises ValueError where another spelling is the usual."""
    try:
        octets = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if urlsafe_b64encode(octets).rstrip(b"=") != part:
        raise ValueError("bits that mean nothing are set")
    return octets
