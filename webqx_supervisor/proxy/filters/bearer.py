"""Bearer tokens that are JSON Web Tokens: verified once, then remembered until they expire."""

import re
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from webqx_supervisor.core import bearer
from webqx_supervisor.core.claims import field_value, find
from webqx_supervisor.core.remembered import Remembered
from webqx_supervisor.core.wire.edits import field_lines
from webqx_supervisor.core.wire.lines import values
from webqx_supervisor.model.auth import Jwt
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.filters.challenge import authorization, challenge
from webqx_supervisor.proxy.keyring import PATIENCE, Keyring
from webqx_supervisor.proxy.refusal import Refused

MEMORY = 4096
"""Tokens that are remembered, in each of two generations."""


class _Verdict:
    """What is known of a token `until` it expires: its claims, or why it is not enough."""

    __slots__ = ("claims", "lines", "refused", "until")

    def __init__(
        self, until: float, claims: dict[str, Any], lines: bytes, refused: str = ""
    ) -> None:
        self.until = until
        self.claims = claims
        self.lines = lines
        self.refused = refused


class BearerFilter:
    """One policy. `clock` gives Unix time in seconds."""

    def __init__(self, policy: Jwt, clock: Callable[[], float] = time.time) -> None:
        self.challenge = challenge("Bearer", policy.realm)
        self.optional = policy.optional
        self._policy = policy
        self._clock = clock
        self._known: Remembered[bytes, _Verdict] = Remembered(MEMORY)
        self._version: object = None
        self._cookie = None
        if policy.cookie:
            name = re.escape(policy.cookie.encode())
            self._cookie = re.compile(rb"(?:^|;)[ \t]*" + name + rb"[ \t]*=[ \t]*([^;]*)").findall

    def is_met(self, exchange: Exchange) -> bool:
        """Say whether the request carries a token at all. Raises Refused where it carries two."""
        return self._token(exchange) is not None

    def ask(self, exchange: Exchange) -> Awaitable[None] | None:
        """Let a request pass whose token grants it. Raises Refused (401, 403, 503)."""
        token = self._token(exchange)
        if token is None:
            if self.optional:
                return None
            raise Refused(401, "a bearer token is wanted", self.challenge)
        keyring = exchange.gateway.keyring
        if self._version is not keyring.version:
            self._forget(keyring)
        known = self._known.get(sha256(token).digest())
        if known is not None and self._clock() < known.until:
            self._judge(exchange, known)
            return None
        try:
            verdict = self._verdict(token, keyring)
        except bearer.UnknownKey as unknown:
            if keyring.may_come(self._policy.keys):
                return self._wait(exchange, token, keyring)
            raise self._invalid(unknown.reason) from unknown
        self._judge(exchange, verdict)
        return None

    async def _wait(self, exchange: Exchange, token: bytes, keyring: Keyring) -> None:
        """Give the daemon a moment to bring the key."""
        reactor = exchange.gateway.reactor
        until = reactor.now + PATIENCE
        while True:
            await keyring.change(until - reactor.now)
            try:
                verdict = self._verdict(token, keyring)
            except bearer.UnknownKey as unknown:
                if reactor.now < until and keyring.may_come(self._policy.keys):
                    continue
                raise self._invalid(unknown.reason) from unknown
            self._judge(exchange, verdict)
            return

    def _token(self, exchange: Exchange) -> bytes | None:
        token = authorization(exchange.head, b"bearer")
        if token is None and self._cookie is not None:
            cookies = values(exchange.head.block, b"cookie:")
            found = [each for value in cookies for each in self._cookie(value)]
            if len(found) > 1:  # which of them the worker would take, nobody knows
                raise Refused(400, f"the cookie {self._policy.cookie} is there twice")
            token = found[0].strip() if found else None
        return token

    def _verdict(self, octets: bytes, keyring: Keyring) -> _Verdict:
        """Verify a token. Raises Refused, and UnknownKey."""
        policy, now = self._policy, self._clock()
        contents = [keyring.content(source) for source in policy.keys]
        keys = [key for content in contents if content is not None for key in content]
        if not keys:
            reason = f"no keys to verify tokens with: {keyring.reason(policy.keys)}"
            raise Refused(503, reason, b"Retry-After: 1\r\n")
        try:
            token = bearer.read(octets)
            bearer.verify(token, keys, policy.algorithms)
            claims = bearer.claims_of(token)
            verdict = self._granted(claims, now)
        except bearer.UnknownKey:
            raise
        except bearer.Invalid as invalid:
            raise self._invalid(invalid.reason) from invalid
        if self._version is not keyring.version:
            self._forget(keyring)
        self._known.put(sha256(octets).digest(), verdict)
        return verdict

    def _forget(self, keyring: Keyring) -> None:
        """Begin anew: a key that is gone vouches for nobody."""
        self._version = keyring.version
        self._known.clear()

    def _granted(self, claims: dict[str, Any], now: float) -> _Verdict:
        until = bearer.check(self._policy, claims, now)
        try:
            bearer.check_grants(self._policy, claims)
        except bearer.Insufficient as insufficient:
            return _Verdict(until, claims, b"", insufficient.reason)
        said = ((name, field_value(find(claims, claim))) for name, claim in self._policy.headers)
        lines = field_lines((name, value) for name, value in said if value is not None)
        return _Verdict(until, claims, lines)

    def _judge(self, exchange: Exchange, verdict: _Verdict) -> None:
        if verdict.refused:
            raise Refused(
                403,
                verdict.refused,
                challenge(
                    "Bearer",
                    self._policy.realm,
                    error="insufficient_scope",
                    error_description=verdict.refused,
                    scope=" ".join(self._policy.scopes),
                ),
            )
        exchange.claims = verdict.claims
        exchange.head.kept += verdict.lines

    def _invalid(self, reason: str) -> Refused:
        words = {"error": "invalid_token", "error_description": reason}
        return Refused(401, reason, challenge("Bearer", self._policy.realm, **words))
