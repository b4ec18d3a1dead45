"""Who the client is, by the word of the proxies in front, as far as they are believed."""

from collections.abc import Iterable, Iterator, Sequence

from webqx_supervisor.core.networks import Networks
from webqx_supervisor.core.wire.forwarded import node_address, parse_element

HOPS = 32
"""Entries that are looked at; nobody has so many proxies in a row."""

Element = dict[bytes, bytes]


class Believed:
    """The networks of those who are believed.

    Each proxy appends whom it was asked by, so the list is read from the right: an entry is true
    if the one who wrote it is believed. The first that is not is the client; left of it stands
    what it says of itself. An entry that is no address ends the reading: the client is then whoever
    was named last.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = Networks(((network, True) for network in networks), otherwise=False)

    def __contains__(self, address: str) -> bool:
        """Say whether this address is believed."""
        return address in self._networks

    def client(self, peer: str, values: Sequence[bytes]) -> str:
        """Return the client of a believed peer by X-Forwarded-For, or a field with one address."""
        client = peer
        for entry in _from_the_right(values):
            said = node_address(entry)
            if said is None:
                break
            client = said
            if said not in self._networks:
                break
        return client

    def client_forwarded(self, peer: str, values: Sequence[bytes]) -> tuple[str, Element]:
        """Do the same by Forwarded; return too what was said of the client's request."""
        client, told = peer, Element()
        for entry in _from_the_right(values):
            element = parse_element(entry)
            said = None if element is None else node_address(element.get(b"for", b""))
            if element is None or said is None:
                break
            client, told = said, element
            if said not in self._networks:
                break
        return client, told


def _from_the_right(values: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the entries of a list (RFC 9110 section 5.6.1), the last one first.

    A comma inside quotes splits as well: both halves are malformed then, and believed by nobody.
    """
    for entry in reversed(b",".join(values).rsplit(b",", HOPS)):
        bare = entry.strip(b"\t ")
        if bare:
            yield bare
