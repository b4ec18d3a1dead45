"""A name and a password. The hash is slow on purpose: it is paid once, in a thread."""

import binascii
import os
from base64 import b64decode
from collections.abc import Awaitable, Mapping
from hashlib import sha256

from webqx_supervisor.core.claims import field_value
from webqx_supervisor.core.passwords import LONGEST_PASSWORD
from webqx_supervisor.core.remembered import Remembered
from webqx_supervisor.core.wire.edits import field_lines
from webqx_supervisor.model.auth import BasicAuth
from webqx_supervisor.proxy.aside import Job
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.filters.challenge import authorization, challenge
from webqx_supervisor.proxy.refusal import Refused

MEMORY = 1024
"""Names with their passwords, right or wrong, that are remembered, in each of two generations."""


class BasicFilter:
    """One file of passwords. What was found out is remembered until the file changes."""

    optional = False

    def __init__(self, policy: BasicAuth) -> None:
        self.challenge = challenge("Basic", policy.realm, charset="UTF-8")
        self._policy = policy
        self._salt = os.urandom(16)  # what is remembered says nothing of a password elsewhere
        self._known: Remembered[bytes, bool] = Remembered(MEMORY)
        self._running: dict[bytes, Job[bool]] = {}
        self._version: object = None

    def is_met(self, exchange: Exchange) -> bool:
        """Say whether the request carries a password at all."""
        return authorization(exchange.head, b"basic") is not None

    def ask(self, exchange: Exchange) -> Awaitable[None] | None:
        """Let a request pass whose name has this password. Raises Refused (401, 503)."""
        credentials = authorization(exchange.head, b"basic")
        if credentials is None:
            raise Refused(401, "a name and a password are wanted", self.challenge)
        keyring = exchange.gateway.keyring
        if self._version is not keyring.version:
            self._version = keyring.version
            self._known.clear()
            self._running.clear()
        mark = sha256(self._salt + credentials).digest()
        known = self._known.get(mark)
        if known is None:
            return self._check(exchange, credentials, mark)
        self._judge(exchange, credentials, right=known)
        return None

    async def _check(self, exchange: Exchange, credentials: bytes, mark: bytes) -> None:
        keyring = exchange.gateway.keyring
        hashes = keyring.content(self._policy.passwords)
        if hashes is None:
            reason = f"no passwords to check by: {keyring.reason([self._policy.passwords])}"
            raise Refused(503, reason, b"Retry-After: 1\r\n")
        name, password = _split(credentials)
        job = self._running.get(mark)
        if job is None:
            job = exchange.gateway.aside.start(lambda: _is_right(hashes, name, password))
            self._running[mark] = job
        version = self._version
        try:
            right = await job.result()
        finally:  # also where the client has gone meanwhile: the job holds its password
            if self._running.get(mark) is job:
                del self._running[mark]
        if version is self._version:
            self._known.put(mark, right)
        self._judge(exchange, credentials, right=right)

    def _judge(self, exchange: Exchange, credentials: bytes, *, right: bool) -> None:
        if not right:
            raise Refused(401, "the name or the password is wrong", self.challenge)
        name = _split(credentials)[0]
        identify(exchange, name, self._policy.user_header)


def identify(exchange: Exchange, name: str, header: str) -> None:
    """Note who asks, and tell the worker."""
    exchange.claims = {"sub": name}
    if header:
        exchange.head.kept += field_lines([(header, field_value(name) or "")])


def _split(credentials: bytes) -> tuple[str, bytes]:
    """Return name and password; nobody's where they are no such thing (RFC 7617 section 2)."""
    try:
        name, colon, password = b64decode(credentials, validate=True).partition(b":")
        return (name.decode("utf-8"), password) if colon else ("", b"")
    except (binascii.Error, UnicodeDecodeError):
        return "", b""


def _is_right(hashes: Mapping[str, bytes], name: str, password: bytes) -> bool:
    """Say whether the password is the name's; as slow for a name that is not there."""
    import bcrypt  # noqa: PLC0415 - with the first password: who checks none carries none of it

    right = hashes.get(name)
    hashed = right or next(iter(hashes.values()))
    if len(password) > LONGEST_PASSWORD or b"\0" in password:
        return False
    return bcrypt.checkpw(password, hashed) and right is not None
