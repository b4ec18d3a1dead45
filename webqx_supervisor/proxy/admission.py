"""Limits on connections: who is counted, who is turned away, and who goes to make room.

A client that is between two requests, or still sends the head of one, is owed nothing; so when
there is no more room such clients go, those first whose time would be over soonest anyway: heads
that take long, then the longest idle. Nothing of this costs a request anything.
"""

import logging
import socket
from collections.abc import Iterable

from webqx_supervisor.net.reactor import FOREVER, Reactor
from webqx_supervisor.proxy.gateway import Client

REPORT_AFTER = 5.0
"""s between two lines of the log about clients who had to go."""

_LOG = logging.getLogger(__name__)
_SHARE = 64  # one of so many goes at a time: finding them means looking at all


class Headcount:
    """The clients of one listener: all of them, and those of each address while that matters."""

    def __init__(self) -> None:
        self.total = 0
        self._by_address: dict[str | bytes, int] | None = None

    def count_addresses(self, wanted: bool, present: Iterable[str]) -> None:
        """Count by address from now on, beginning with those that are present, or no longer."""
        if not wanted:
            self._by_address = None
        elif self._by_address is None:
            self._by_address = {}
            for ip in present:
                self._add(ip, 1)

    def of(self, ip: str) -> int:
        """Return how many are from this address, 0 if that is not counted."""
        return self._by_address.get(one_client(ip), 0) if self._by_address else 0

    def enter(self, ip: str) -> None:
        """Count one more."""
        self.total += 1
        self._add(ip, 1)

    def leave(self, ip: str) -> None:
        """Count one less."""
        self.total -= 1
        self._add(ip, -1)

    def _add(self, ip: str, count: int) -> None:
        counts = self._by_address
        if counts is None:
            return
        address = one_client(ip)
        counts[address] = counts.get(address, 0) + count
        if not counts[address]:
            del counts[address]


def idle_among(clients: Iterable[Client]) -> list[Client]:
    """Return those that are owed nothing."""
    return [client for client in clients if not client.busy and client.task is not None]


def close_some(idle: Iterable[Client]) -> int:
    """Close those whose time is over soonest; return how many that were.

    Who has just come, or has sent what was not read yet, may be about to ask for something.
    """
    settled = [
        (client.task.expires, client.channel.fd, client)
        for client in idle
        if client.task is not None and client.task.expires < FOREVER
    ]
    settled.sort()
    most = max(1, len(settled) // _SHARE)
    closed = 0
    for _, _, client in settled:
        if client.task is not None and client.channel.is_quiet():
            client.task.cancel()
            closed += 1
            if closed == most:
                break
    return closed


class Complaints:
    """Says now and then how many clients had to go; each of them would flood the log."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._closed = 0
        self._sleeps = False
        self._turned_away = 0

    def closed(self, count: int) -> None:
        """Note idle clients that were closed."""
        self._closed += count
        self._report_soon()

    def turned_away(self) -> None:
        """Note one that was not let in."""
        self._turned_away += 1
        self._report_soon()

    def _report_soon(self) -> None:
        if not self._sleeps:
            self._sleeps = True
            self._reactor.spawn(self._report())

    async def _report(self) -> None:
        await self._reactor.sleep(REPORT_AFTER)
        _LOG.warning(
            "connection limits: %d clients turned away, %d idle ones closed to make room",
            self._turned_away,
            self._closed,
        )
        self._closed = self._turned_away = 0
        self._sleeps = False


def one_client(ip: str) -> str | bytes:
    """Return what counts as one client: of IPv6 the /64, which is what a home gets (RFC 6177)."""
    if ":" not in ip or "." in ip:
        return ip
    return socket.inet_pton(socket.AF_INET6, ip.partition("%")[0])[:8]
