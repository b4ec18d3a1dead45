"""Which addresses are meant, by the networks that hold them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

MEMORY = 4096
"""Addresses whose verdict is kept; beyond, all are asked anew."""

Network = IPv4Network | IPv6Network


class Networks:
    """Networks in CIDR notation, each with what it means; the longest that holds one decides."""

    def __init__(self, meanings: Iterable[tuple[str, bool]], otherwise: bool) -> None:
        networks = [(ip_network(text, strict=False), verdict) for text, verdict in meanings]
        self._networks = sorted(networks, key=lambda entry: entry[0].prefixlen, reverse=True)
        self._otherwise = otherwise
        self._known: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        """Say what the networks say of an address; of what is none, what they say of strangers."""
        verdict = self._known.get(address)
        if verdict is None:
            if len(self._known) >= MEMORY:
                self._known.clear()
            verdict = self._known[address] = self._judge(address)
        return verdict

    def _judge(self, text: str) -> bool:
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return self._otherwise
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        for network, verdict in self._networks:
            if address.version == network.version and address in network:
                return verdict
        return self._otherwise


def access(allow: Iterable[str], deny: Iterable[str]) -> Networks:
    """Return those who may ask: all that no `deny` holds, or if there is an `allow`, those in it.

    Of an `allow` and a `deny` of the same length the `deny` counts.
    """
    allowed = [(text, True) for text in allow]
    return Networks([*((text, False) for text in deny), *allowed], otherwise=not allowed)
