"""Keys in a field of their own; they are long and random, so a quick hash is enough."""

from hashlib import sha256

from webqx_supervisor.core.wire.lines import values
from webqx_supervisor.model.auth import ApiKeys
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.filters.basic import identify
from webqx_supervisor.proxy.filters.challenge import challenge
from webqx_supervisor.proxy.refusal import Refused


class ApiKeyFilter:
    """One file of keys."""

    optional = False

    def __init__(self, policy: ApiKeys) -> None:
        # No scheme of its own is registered; without a challenge 401 would be no answer (RFC 9110).
        self.challenge = challenge("ApiKey", "api", header=policy.header)
        self._policy = policy
        self._begin = policy.header.lower().encode() + b":"

    def is_met(self, exchange: Exchange) -> bool:
        """Say whether the request carries a key at all."""
        return bool(values(exchange.head.block, self._begin))

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass whose key is known. Raises Refused (400, 401, 503)."""
        found = values(exchange.head.block, self._begin)
        if not found:
            raise Refused(401, f"a key is wanted in {self._policy.header}", self.challenge)
        if len(found) > 1:
            raise Refused(400, f"there is more than one {self._policy.header}")
        keyring = exchange.gateway.keyring
        names = keyring.content(self._policy.keys)
        if names is None:
            reason = f"no keys to check by: {keyring.reason([self._policy.keys])}"
            raise Refused(503, reason, b"Retry-After: 1\r\n")
        name = names.get(sha256(found[0]).digest())
        if name is None:
            raise Refused(401, "the key is not known", self.challenge)
        identify(exchange, name, self._policy.user_header)
