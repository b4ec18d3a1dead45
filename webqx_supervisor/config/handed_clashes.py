"""What cannot be true at once of services whose workers accept for themselves."""

from collections.abc import Iterator

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.filters import Filters
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.resilience import Resilience
from webqx_supervisor.config.schema import Service, ServicesToml

AT_THE_PROXY = {*Filters.model_fields, *Resilience.model_fields, "forward", "balance"} - {"remote"}
"""Keys of a service that only a proxy carries out."""
_HEALTH = {"path", "interval", "timeout", "rise", "fall", "patience", "hang_timeout", "dump_signal"}

_NO_PROXY = "with `listen_fds` no proxy is in the way, which this takes"
_NOBODY = "with `listen_fds` the workers share a socket: nobody can ask, or count for, one of them"


def handed_clashes(document: ServicesToml) -> Iterator[Complaint]:
    """Find them, for services and for routes that lead there."""
    handed = set()
    for name, entry in document.services.items():
        if entry.listen_fds:
            handed.add(name)
            for place, message in _of_service(entry):
                yield ("services", name, *place), message
    for position, route in enumerate(document.routes):
        for key, target in (("service", route.service), ("backup", route.backup)):
            if target in handed:
                message = f"service `{target}` accepts for itself (`listen_fds`)"
                yield ("routes", position, key), message


def _of_service(entry: Service) -> Iterator[Complaint]:
    said = entry.model_fields_set
    if entry.remote:
        yield ("listen_fds",), "has no meaning for a service that is `remote`"
        return
    if entry.listen is None:
        yield ("listen_fds",), "needs `listen`: the addresses of the sockets"
    if entry.port is not None:
        yield ("port",), "with `listen_fds` the workers accept on `listen`; they have no ports"
    yield from ((key, _NO_PROXY) for key in _in_table((), said & AT_THE_PROXY))
    if entry.listen is not None:
        yield from (
            (key, _NO_PROXY)
            for key in _in_table(("listen",), entry.listen.model_fields_set - {"bind"})
        )
    yield from (
        (key, _NOBODY)
        for key in (
            *_in_table(("health",), entry.health.model_fields_set & _HEALTH),
            *_in_table(("stop",), entry.stop.model_fields_set & {"drain"}),
            *_in_table((), said & {"max_requests"}),
        )
    )


def _in_table(table: KeyPath, keys: set[str]) -> list[KeyPath]:
    return [(*table, key) for key in sorted(keys)]
