"""Which routes are paused, by the names that a person gives: a route's own, or a service's."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from webqx_supervisor.model.gateway import Pause, Route


def names(routes: Iterable[Route]) -> set[str]:
    """Return every name that something can be paused by."""
    return {name for route in routes for name in (route.name, route.service) if name}


def paused(routes: Sequence[Route], pauses: Iterable[Pause]) -> tuple[Route, ...]:
    """Return the routes with their pauses; that of a route's own name goes before its service's."""
    by_name = {pause.name: pause for pause in pauses}
    if not by_name:
        return tuple(routes)
    return tuple(
        replace(route, pause=by_name.get(route.name) or by_name.get(route.service))
        for route in routes
    )
