"""Which requests of browsers come from our own page. No I/O.

A page of any site can have a browser send requests to a server on this machine; and with a name of
its own that it lets point here (DNS rebinding) it could even read the answers. So the name that was
asked for must be one of ours, and what changes something must come from our own origin.
Sources: RFC 9110 section 7.2, RFC 6454 section 7, Fetch Metadata (W3C) section 2.2.
"""

from collections.abc import Collection

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def authorities(port: int, names: Collection[str] = LOOPBACK_NAMES) -> frozenset[str]:
    """Return what Host may say to a server of these names at `port`."""
    return frozenset(f"{name}:{port}" for name in names)


def problem(
    method: str, host: str, origin: str, site: str, ours: Collection[str], scheme: str
) -> str:
    """Return why a request is not to be answered, "" if it is.

    `host`, `origin` and `site` are the fields Host, Origin and Sec-Fetch-Site, "" where the client
    sent none. `ours` are the authorities that are this server's.
    """
    if host.lower() not in ours:
        return "the host that was asked for is not this one"
    if method in ("GET", "HEAD"):
        return ""
    if origin.lower() not in {f"{scheme}://{each}" for each in ours}:
        return "it comes from another page"
    if site not in ("", "same-origin"):
        return "it comes from another site"
    return ""


def cookie(field: str, name: str) -> str:
    """Return the value of a cookie in a Cookie field, "" without one (RFC 6265 section 4.2)."""
    for pair in field.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    return ""
