"""Which port a worker gets: the lowest of its service's that nobody else has or may claim."""

from collections.abc import Collection, Iterable

from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.service import Service

LAST_PORT = 65535


def pick(first: int, taken: Collection[int], reserved: Collection[int]) -> int:
    """Return the lowest port from `first` up that is neither taken nor reserved.

    Raises CannotStart when there is none.
    """
    for port in range(first, LAST_PORT + 1):
        if port not in taken and port not in reserved:
            return port
    raise CannotStart(f"no free port from {first} up to {LAST_PORT}")


def reserved_by_others(services: Iterable[Service], name: str) -> set[int]:
    """Return the ports that every service but `name` counts on, in use or not."""
    return {
        port
        for service in services
        if service.name != name and service.port is not None
        for port in range(service.port, min(service.port + service.most, LAST_PORT + 1))
    }
