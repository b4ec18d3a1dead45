"""What is wrong with the files that services.toml names for who may ask, and with their service.

Nothing of what stands in such a file is ever repeated.
"""

import os
from collections.abc import Callable, Iterator, Mapping

from webqx_supervisor.config.auth import Jwt, WhoMayAsk, sources
from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.paths import Absolute
from webqx_supervisor.config.phrases import did_you_mean
from webqx_supervisor.config.route_clashes import Names, has_address
from webqx_supervisor.config.schema import ServicesToml
from webqx_supervisor.core.credentials import check, read
from webqx_supervisor.model.auth import Source


def auth_problems(
    document: ServicesToml,
    names: Names,
    absolute: Absolute,
    read_text: Callable[[str], str],
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Complaint]:
    """Find them, for services and routes; what is fetched from afar is not looked at."""
    entries: list[tuple[KeyPath, WhoMayAsk]] = [
        *((("services", name), entry) for name, entry in document.services.items()),
        *((("routes", position), route) for position, route in enumerate(document.routes)),
    ]
    known: dict[Source, str] = {}
    for place, entry in entries:
        for key in ("jwt", "basic_auth", "api_keys"):
            table = getattr(entry, key)
            if table is None:
                continue
            if isinstance(table, Jwt) and not table.keys and table.secret is None:
                yield (*place, key), "there is nothing to verify by: name `keys` or a `secret`"
            for inner, source in sources(table, absolute):
                if source not in known:
                    known[source] = _wrong(source, read_text, environ)
                if known[source]:
                    yield (*place, key, inner), known[source]
        yield from _forwarding(place, entry, document, names)


def _wrong(source: Source, read_text: Callable[[str], str], environ: Mapping[str, str]) -> str:
    if source.is_remote:
        return ""
    try:
        check(source, read(source, read_text, environ))
    except ValueError as error:
        return f"{source.place.removeprefix('file:')}: {error}"
    return ""


def _forwarding(
    place: KeyPath, entry: WhoMayAsk, document: ServicesToml, names: Names
) -> Iterator[Complaint]:
    if entry.forward_auth is None:
        return
    name, where = entry.forward_auth.service, (*place, "forward_auth", "service")
    if name not in names.services:
        yield where, f"no service `{name}`{did_you_mean(name, names.services)}"
    elif name in document.services and not has_address(document.services[name]):
        yield where, f"service `{name}` has no `port` to ask at"
