"""One proxy process as the daemon sees it."""

import contextlib
import socket
from dataclasses import dataclass, field

from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.daemon.sockets import Key
from webqx_supervisor.model.link import Ask, Inherit, Leave, Report
from webqx_supervisor.process import spawn

LINK = "link="
"""How the names of links in the fd store begin."""


@dataclass(eq=False)
class Proxy:
    """One proxy process as the daemon sees it."""

    process: spawn.Process
    link: Link
    link_name: str
    since: float
    started_at: float
    sockets: dict[Key, socket.socket] = field(default_factory=dict)
    """The listening sockets that it was given."""
    applied: int = 0
    idle: set[str] = field(default_factory=set)
    report: Report | None = None
    leaving: bool = False
    shares: bool = False
    """It was told where to count together with the others."""
    limits: bool = False
    """It was told where all count for rate limits."""
    counts: bool = False
    """It was told where to count for the metrics."""


async def say(
    proxy: Proxy, message: Ask | Leave | Inherit, along: socket.socket | None = None
) -> None:
    """Say something if it can be heard; what goes `along` is given away."""
    with contextlib.suppress(LinkClosed), along or contextlib.nullcontext():
        await proxy.link.send(message, [along.fileno()] if along is not None else [])
