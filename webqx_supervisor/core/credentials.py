"""What sources hold: which there are, how one is read, and whether it is what it should be."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from webqx_supervisor.core import passwords, signing
from webqx_supervisor.model.auth import Source, SourceKind
from webqx_supervisor.model.gateway import Route

LONGEST = 1024 * 1024
"""Characters of a source."""
_CREDENTIALS = "CREDENTIALS_DIRECTORY"  # systemd.exec(5)


def sources(routes: Iterable[Route]) -> tuple[Source, ...]:
    """Return all that routes name, each once, in an order that does not depend on theirs."""
    return tuple(sorted({each for route in routes for each in route.filters.auth.sources}))


def reserved(*routes: Route) -> tuple[Route, ...]:
    """Return the routes, each with the fields that no client can say on its way to a service.

    What tells a service who asks on one route would be believed on all: so it can be said on none.
    """
    said: dict[str, set[str]] = {}
    for route in routes:
        for service in _services(route):
            said.setdefault(service, set()).update(route.filters.auth.said)
    return tuple(
        _reserving(route, {name for service in _services(route) for name in said[service]})
        for route in routes
    )


def _services(route: Route) -> tuple[str, ...]:
    """Return where the requests of a route may go, and who may be asked about them."""
    forward = route.filters.auth.forward
    named = (route.service, route.backup, forward.service if forward is not None else None)
    return tuple(name for name in named if name)


def _reserving(route: Route, names: set[str]) -> Route:
    if not names:
        return route
    auth = replace(route.filters.auth, reserved=tuple(sorted(names)))
    return replace(route, filters=replace(route.filters, auth=auth))


def read(source: Source, read_text: Callable[[str], str], environ: Mapping[str, str]) -> str:
    """Return the text of a source that is on this machine.

    `read_text` takes a path. Raises ValueError saying why there is none, without the path.
    """
    kind, _, place = source.place.partition(":")
    if kind == "env":
        text = environ.get(place, "")
        if not text:
            raise ValueError("not set in the environment")
    else:
        if kind == "cred":
            if _CREDENTIALS not in environ:
                raise ValueError("no credentials here: systemd sets none for the daemon")
            place = f"{environ[_CREDENTIALS]}/{place}"
        try:
            text = read_text(place)
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror or error}") from None
        except ValueError:
            raise ValueError("is no UTF-8 text") from None
    if len(text) > LONGEST:
        raise ValueError(f"holds more than {LONGEST} characters")
    return text


def content(source: Source, text: str) -> Any:
    """Return what a text holds: keys, or names by what they are known by. Raises ValueError."""
    return _READERS[source.kind](source, text)


def check(source: Source, text: str) -> None:
    """Return if the text is what the source should hold. Raises ValueError saying what is wrong."""
    content(source, text)


_READERS: dict[SourceKind, Callable[[Source, str], Any]] = {
    SourceKind.KEYS: signing.keys_of,
    SourceKind.SECRET: signing.keys_of,
    SourceKind.PASSWORDS: lambda _, text: passwords.passwords(text),
    SourceKind.API_KEYS: lambda _, text: passwords.api_keys(text),
}
