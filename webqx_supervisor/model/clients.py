"""Who is believed on a listener when it says who the client is, and what is known of a client."""

from dataclasses import dataclass
from enum import StrEnum


class ProxyProtocol(StrEnum):
    """Whose connections begin with a header of HAProxy's PROXY protocol."""

    NOBODY = "nobody"
    TRUSTED = "trusted"
    """Those of the trusted proxies; everybody else is a client as usual."""
    REQUIRED = "required"
    """The same, and nobody else may connect."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The proxies in front of a listener, as networks in CIDR notation, and how they tell."""

    proxies: tuple[str, ...] = ()
    header: str = "X-Forwarded-For"
    """The field that names the client; with `Forwarded`, the X-Forwarded fields are not read."""
    proxy_protocol: ProxyProtocol = ProxyProtocol.NOBODY


class Introduction(StrEnum):
    """How far it is known who a connection's client is."""

    DONE = "done"
    """By its address, or by the PROXY header that has come."""
    DUE = "due"
    """The PROXY header is still to come."""
    NAMELESS = "nameless"
    """The PROXY header named nobody: the address is the proxy's, its fields are not."""
