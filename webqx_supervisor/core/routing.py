"""From listener, host and path to a route. Built once per table; asked once per request."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from webqx_supervisor.model.gateway import Route

_Rules = tuple[tuple[str, Route], ...]
"""(prefix that ends in a slash, route) pairs, the longest prefix first."""


class Router:
    """The routes of a table, ready for the question.

    A route that names the host goes before one for any host, then the longer path. A path is a
    prefix of whole segments: "/api" and "/api/" are one, and take /api and /api/x, not /apix.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        by_listener: dict[str, dict[str | None, list[Route]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for route in routes:
            host = None if route.host is None else bare_host(route.host)
            by_listener[route.listener][host].append(route)
        self._listeners = {listener: _by_host(by_host) for listener, by_host in by_listener.items()}

    def match(self, listener: str, host: bytes | str, path: str) -> Route | None:
        """Return the route of a request, or None.

        `host` is the Host field as it came, port and all, or empty; `path` is without its query.
        """
        found = self._listeners.get(listener)
        if found is None:
            return None
        named, rules = found
        if named:
            rules = named.get(bare_host(host), rules)
        closed = path + "/"
        for prefix, route in rules:
            if closed.startswith(prefix):
                return route
        return None


def bare_host(host: bytes | str) -> str:
    """Return the host in lower case, without port and without the root's dot (RFC 9110 7.2).

    An IPv6 address keeps its brackets, which is what tells its colons from the port's.
    """
    text = (host.decode("latin-1") if isinstance(host, bytes) else host).lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].removesuffix(".")


def _by_host(routes: dict[str | None, list[Route]]) -> tuple[dict[str, _Rules], _Rules]:
    """Return the rules of each named host, those for any host behind them; and the latter."""
    for_any = _longest_first(routes.get(None, ()))
    named = {
        host: _longest_first(own) + for_any for host, own in routes.items() if host is not None
    }
    return named, for_any


def _longest_first(routes: Iterable[Route]) -> _Rules:
    rules = [(route.path.rstrip("/") + "/", route) for route in routes]
    return tuple(sorted(rules, key=lambda rule: len(rule[0]), reverse=True))
