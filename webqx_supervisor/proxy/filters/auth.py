"""Who asks: by any of several ways to say so, and with the consent of a service."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from webqx_supervisor.core.wire.edits import stripper
from webqx_supervisor.model.auth import Auth
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.filters.api_keys import ApiKeyFilter
from webqx_supervisor.proxy.filters.basic import BasicFilter
from webqx_supervisor.proxy.filters.bearer import BearerFilter
from webqx_supervisor.proxy.filters.forward_auth import ForwardAuthFilter
from webqx_supervisor.proxy.refusal import Refused
from webqx_supervisor.proxy.way import Ask


class Method(Protocol):
    """One way to say who one is."""

    @property
    def challenge(self) -> bytes:
        """The line that asks for it."""

    @property
    def optional(self) -> bool:
        """Whether a request that carries nothing passes."""

    def is_met(self, exchange: Exchange) -> bool:
        """Say whether the request carries what it goes by, right or wrong."""

    def ask(self, exchange: Exchange) -> Awaitable[None] | None:
        """Let the request pass. Raises Refused."""


def auth_filters(auth: Auth) -> list[Ask]:
    """Return what is asked for these policies, in this order."""
    asked: list[Ask] = []
    if auth.reserved:
        asked.append(_Reserved(auth.reserved).ask)
    methods: list[Method] = []
    if auth.jwt is not None:
        methods.append(BearerFilter(auth.jwt))
    if auth.api_keys is not None:
        methods.append(ApiKeyFilter(auth.api_keys))
    if auth.basic is not None:
        methods.append(BasicFilter(auth.basic))
    if methods:
        asked.append(methods[0].ask if len(methods) == 1 else AnyOf(methods).ask)
    if auth.forward is not None:
        asked.append(ForwardAuthFilter(auth.forward).ask)
    return asked


class _Reserved:
    """Takes out what only the proxy may say of who asks."""

    def __init__(self, names: Sequence[str]) -> None:
        strip = stripper([name.lower().encode() for name in names])
        assert strip is not None, "there are names"
        self._strip = strip

    def ask(self, exchange: Exchange) -> None:
        head = exchange.head
        head.kept = self._strip(head.kept)


class AnyOf:
    """Lets pass whoever one of several methods lets pass."""

    def __init__(self, methods: Sequence[Method]) -> None:
        self._methods = methods
        self._optional = any(method.optional for method in methods)
        self._challenges = b"".join(method.challenge for method in methods)

    def ask(self, exchange: Exchange) -> Awaitable[None] | None:
        """Let a request pass. Raises Refused, as the first method does that it is met by."""
        met = [method for method in self._methods if method.is_met(exchange)]
        if not met:
            if self._optional:
                return None
            raise Refused(401, "it must be said who asks", self._challenges)
        return met[0].ask(exchange) if len(met) == 1 else self._try_all(exchange, met)

    async def _try_all(self, exchange: Exchange, methods: Sequence[Method]) -> None:
        refusals: list[Refused] = []
        for method in methods:
            try:
                waiting = method.ask(exchange)
                if waiting is not None:
                    await waiting
            except Refused as refused:
                refusals.append(refused)
            else:
                return
        raise refusals[0]
