"""A route as the proxy lives it: what is asked of a request, and what carries it out."""

from collections.abc import Awaitable, Callable
from typing import Any

from webqx_supervisor.core.networks import Networks
from webqx_supervisor.model.gateway import Route
from webqx_supervisor.proxy.meters import RouteMeter

Ask = Callable[[Any], Awaitable[None] | None]
"""A filter: lets an Exchange pass, changed or not; raises Refused, or Settled with the answer.

What it returns, if anything, is to be awaited; most filters need not wait.
"""
Carry = Callable[[Any], Awaitable[None]]
"""Answers an Exchange."""


class Way:
    """`filters` are asked in their order; `carry` then answers, None: a worker of the service does.

    `lines` are field lines of every answer, `strip` takes out of a worker's what must not be there.
    `allowed` holds the addresses that may come in over TCP, None: all may.
    `end` is called when the table has another way in its place.
    """

    __slots__ = (
        "allowed",
        "backup",
        "carry",
        "end",
        "filters",
        "lines",
        "meter",
        "plain",
        "response_timeout",
        "retry",
        "route",
        "strip",
    )

    def __init__(
        self,
        route: Route,
        filters: tuple[Ask, ...] = (),
        carry: Carry | None = None,
        lines: bytes = b"",
        strip: Callable[[bytes], bytes] | None = None,
        end: Callable[[], None] | None = None,
    ) -> None:
        self.route = route
        self.backup = route.backup
        self.retry = route.filters.retry
        self.response_timeout = route.response_timeout
        self.filters = filters
        self.carry = carry
        self.lines = lines
        self.strip = strip
        self.end = end
        self.meter: RouteMeter | None = None
        """Counts what comes of the requests."""
        self.allowed: Networks | None = None
        self.plain = not filters and carry is None
