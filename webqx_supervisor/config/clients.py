"""The keys of a listener that say who is believed when it names the client."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from webqx_supervisor.config import filter_fields
from webqx_supervisor.config.kinds import Section
from webqx_supervisor.config.phrases import did_you_mean, found
from webqx_supervisor.model import clients

PRESETS = {
    "private": (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    ),
    # As on https://www.cloudflare.com/ips/ in September 2026; the last change was in 2021.
    "cloudflare": (
        *("173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22"),
        *("141.101.64.0/18", "108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20"),
        *("197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13"),
        *("104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22"),
        *("2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32"),
        *("2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32"),
    ),
}
"""Networks by the name of who is in them."""

_TRUST = clients.Trust()
_KINDS = {
    False: clients.ProxyProtocol.NOBODY,
    True: clients.ProxyProtocol.TRUSTED,
    "required": clients.ProxyProtocol.REQUIRED,
}


def _network(text: str) -> str:
    """Take an address, a network in CIDR notation, or the name of a preset."""
    if text in PRESETS:
        return text
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        hint = did_you_mean(text, PRESETS)
        raise ValueError(
            'wanted an address, a network like "10.0.0.0/8", "private" or "cloudflare"; '
            f"found {found(text)}{hint}"
        ) from None


class Trust(Section):
    """Whose word counts on a listener."""

    trusted_proxies: Annotated[
        tuple[Annotated[str, AfterValidator(_network)], ...], Field(strict=False)
    ] = Field(
        default=_TRUST.proxies,
        description='Whose word on who the client is counts: addresses, networks, "private", '
        '"cloudflare".',
    )
    client_ip_header: Annotated[str, AfterValidator(filter_fields.one_field_name)] = Field(
        default=_TRUST.header,
        description="The field by which they name the client, read from the right; "
        '"CF-Connecting-IP", "Forwarded" and others work too.',
    )
    proxy_protocol: bool | Literal["required"] = Field(
        default=False,
        description="Their connections begin with a PROXY header (version 1 or 2); with "
        '"required" nobody else may connect.',
    )


def trust(entry: Trust) -> clients.Trust:
    """Return the policy of a listener, with all networks spelled out."""
    networks = (network for name in entry.trusted_proxies for network in PRESETS.get(name, (name,)))
    return clients.Trust(
        proxies=tuple(dict.fromkeys(networks)),
        header=entry.client_ip_header,
        proxy_protocol=_KINDS[entry.proxy_protocol],
    )


def distrust(entry: Trust, *, tcp: bool) -> Iterator[tuple[str, str]]:
    """Find the keys of one listener that cannot count as they are, and say why."""
    names_header = "client_ip_header" in entry.model_fields_set
    if entry.proxy_protocol and not entry.trusted_proxies:
        yield (
            "proxy_protocol",
            "needs `trusted_proxies`: believed of anybody, everybody could come under any address",
        )
    if tcp and names_header:
        yield "client_ip_header", "the listener is tcp, where there are no fields to go by"
    elif names_header and not entry.trusted_proxies:
        yield "client_ip_header", "counts only with `trusted_proxies`"
    if tcp and entry.trusted_proxies and not entry.proxy_protocol:
        yield "trusted_proxies", "counts over tcp only with `proxy_protocol`"
