"""From listener, host and path to a route. Built once per table; asked once per request."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from webqx_supervisor.core.wire.messages import RequestHead
from webqx_supervisor.model.gateway import Route

ANY = "*"
"""As a host's first label: any name below; as a field's value: whatever it says."""

_Fits = Callable[[RequestHead | None, str], bool]
_Rule = tuple[str, _Fits | None, Any]
"""Prefix that ends in a slash, what else must hold, the target."""
_Rules = tuple[_Rule, ...]
"""The best first."""

# What a target may hold as it is, and a worker that decodes takes for just that: `%`, `?`, `#` not.
_DECODED = re.compile(r"%(?:2[1246-9A-F]|3[A-E]|40|5[B-E]|60|7[B-D])")
_PARAMETERS = re.compile(r";[^/]*")
_SLASHES = re.compile(r"//+")
_STAR = re.compile(r"\*\*\Z|\*|\{[A-Za-z0-9_]+\}")


class Router:
    """Routes, each with the target that a request for it is led to, ready for the question.

    A route that names the host goes before one for the names below another, that before one for
    any host. Then whichever says more of the path, then of the method and the fields. A path is a
    prefix of whole segments: "/api" and "/api/" are one, and take /api and /api/x, not /apix.
    """

    def __init__(self, routes: Iterable[tuple[Route, Any]]) -> None:
        by_listener: dict[str, dict[str, list[tuple[Route, Any]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for route, target in routes:
            host = "" if route.host is None else bare_host(route.host)
            by_listener[route.listener][host].append((route, target))
        self._listeners = {listener: _by_host(by_host) for listener, by_host in by_listener.items()}

    def match(
        self, listener: str, host: bytes | str, path: str, head: RequestHead | None = None
    ) -> Any:
        """Return the target of the route that a request takes, or None.

        `host` is the Host field as it came, port and all, or empty; `path` is without its query.
        """
        found = self._listeners.get(listener)
        if found is None:
            return None
        named, wild, rules = found
        if named or wild:
            bare = bare_host(host)
            rules = named.get(bare) or _below(wild, bare) or rules
        closed = path + "/"
        for prefix, fits, target in rules:
            if closed.startswith(prefix) and (fits is None or fits(head, path)):
                return target
        return None


def bare_host(host: bytes | str) -> str:
    """Return the host in lower case, without port and without the root's dot (RFC 9110 7.2).

    An IPv6 address keeps its brackets, which is what tells its colons from the port's.
    """
    text = (host.decode("latin-1") if isinstance(host, bytes) else host).lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].removesuffix(".")


def other_readings(path: str) -> tuple[str, ...]:
    """Return what lenient workers may take the path of a request for, if not for what it is.

    WSGI and ASGI decode before anybody splits, so `%2F` is a slash there; servlets cut off what
    stands behind a `;`; many make one slash of several, and none of one at the end; and where a
    path is resolved like a link, two slashes at the beginning name a host.
    """
    if "%" not in path and ";" not in path and "//" not in path and path[-1:] != "/":
        return ()
    readings = [_loosely(path)]
    if path.startswith("//"):
        readings.append(_loosely("/" + path.lstrip("/").partition("/")[2]))
    return tuple(each for each in readings if each != path)


def _loosely(path: str) -> str:
    if "%" in path:
        path = _DECODED.sub(lambda escape: chr(int(escape[0][1:], 16)), path)
    path = _PARAMETERS.sub("", path)
    return _SLASHES.sub("/", path).rstrip("/") or "/"


def is_guarded(route: Route) -> bool:
    """Say whether a route keeps anybody out."""
    return any(_guards(route))


def guards_alike(one: Route, other: Route) -> bool:
    """Say whether two routes keep out the same."""
    return _guards(one) == _guards(other)


def _guards(route: Route) -> tuple[Any, ...]:
    filters = route.filters
    access, auth = filters.access, filters.auth
    walled = route.answer is not None and route.answer.status >= 400
    return (
        *(access.allow, access.deny, auth.jwt, auth.basic, auth.api_keys, auth.forward),
        *(filters.limits, filters.crowding, walled),
    )


def _below(wild: dict[str, _Rules], host: str) -> _Rules | None:
    """Return the rules of the longest `*.name` that the host is below."""
    while wild and host:
        host = host.partition(".")[2]
        if host in wild:
            return wild[host]
    return None


_ByHost = tuple[dict[str, _Rules], dict[str, _Rules], _Rules]
"""The rules of each named host, of each name that hosts are below, and of any host."""


def _by_host(routes: dict[str, list[tuple[Route, Any]]]) -> _ByHost:
    for_any = _best_first(routes.get("", ()))
    wild: dict[str, _Rules] = {}
    for host in sorted(routes, key=len):  # the longer contain the shorter
        if host.startswith("*."):
            wild[host[2:]] = _best_first(routes[host]) + (_below(wild, host[2:]) or for_any)
    named = {
        host: _best_first(own) + (_below(wild, host) or for_any)
        for host, own in routes.items()
        if host and not host.startswith("*.")
    }
    return named, wild, for_any


def _best_first(routes: Sequence[tuple[Route, Any]]) -> _Rules:
    ranked = sorted(routes, key=lambda entry: _rank(entry[0]), reverse=True)
    return tuple(_rule(route, target) for route, target in ranked)


def _rank(route: Route) -> tuple[int, int, int]:
    path = _STAR.sub("", route.pattern) if route.pattern else route.path.rstrip("/") + "/"
    return len(path), bool(route.methods) + len(route.headers), bool(route.pattern)


def _rule(route: Route, target: Any) -> _Rule:
    if not route.pattern:
        return route.path.rstrip("/") + "/", _conditions(route), target
    literal = _STAR.split(route.pattern)[0]
    return literal[: literal.rfind("/") + 1], _conditions(route), target


def _conditions(route: Route) -> _Fits | None:
    """Return what must hold beside the prefix; None: nothing."""
    if not (route.pattern or route.methods or route.headers):
        return None
    whole = _whole(route.pattern) if route.pattern else None
    methods = frozenset(method.encode() for method in route.methods)
    fields = [(name.lower().encode(), value.encode()) for name, value in route.headers]

    def fits(head: RequestHead | None, path: str) -> bool:
        if whole is not None and whole(path) is None:
            return False
        if methods and (head is None or head.method not in methods):
            return False
        return not fields or (head is not None and _say(head, fields))

    return fits


def _whole(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """Compile a pattern. One star a segment, so that no path makes it try more than its length."""
    parts = []
    end = 0
    for star in _STAR.finditer(pattern):
        parts.append(re.escape(pattern[end : star.start()]))
        parts.append(".*+" if star[0] == "**" else "[^/]*")
        end = star.end()
    parts.append(re.escape(pattern[end:]))
    return re.compile("".join(parts), re.DOTALL).fullmatch


def _say(head: RequestHead, wanted: list[tuple[bytes, bytes]]) -> bool:
    said = {(name.lower(), value) for name, value in head.headers}
    names = {name for name, _ in said}
    return all(
        name in names if value == ANY.encode() else (name, value) in said for name, value in wanted
    )
