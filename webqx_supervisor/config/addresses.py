"""Addresses to listen on: from `3000` or `"[::]:80"` to `host:port`, and which of them collide."""

import ipaddress
import re

from webqx_supervisor.config.phrases import found

_ADDRESS = re.compile(r"(?:(?P<host>[0-9.]+|localhost|\[[0-9A-Fa-f:.]+\]):)?(?P<port>[0-9]{1,5})")
_WANTED = 'wanted a port or an address, like 3000, "0.0.0.0:80" or "[::]:80"'


def bind_address(value: object) -> str:
    """Return `host:port` or `[host]:port`, the host a literal; without one it is 127.0.0.1.

    Raises ValueError where `value` is neither a port from 1 to 65535 nor an address with one.
    """
    is_number = isinstance(value, int) and not isinstance(value, bool)
    match = _ADDRESS.fullmatch(str(value)) if is_number or isinstance(value, str) else None
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"{_WANTED}; found {found(value)}")
    host = match["host"] or "localhost"
    try:
        return f"{_literal(host)}:{int(match['port'])}"
    except ValueError:
        raise ValueError(f"{_WANTED}; found {found(value)}") from None


def port_of(bind: str) -> int:
    """Return the port of a normalised address."""
    return int(bind.rpartition(":")[2])


def collide(one: str, other: str) -> bool:
    """Tell whether two normalised addresses cannot be listened on at once.

    They cannot when equal, nor when one of them is its family's wildcard and the ports agree.
    The families do not meet: an IPv6 listener is for IPv6 only.
    """
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    if port != other_port or host.startswith("[") != other_host.startswith("["):
        return False
    return host == other_host or bool({host, other_host} & {"0.0.0.0", "[::]"})  # noqa: S104 - compared, not bound


def _literal(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    return str(ipaddress.IPv4Address(host))
