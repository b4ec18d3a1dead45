"""The routes that a person has paused, until they are resumed or everything is stopped."""

from collections.abc import Callable, Iterable

from webqx_supervisor.core import pausing
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.model.gateway import Pause, Protocol, Route


class Pauses:
    """By name; `config` gives what is wanted now."""

    def __init__(
        self, registry: Registry, config: Callable[[], Config], pauses: Iterable[Pause] = ()
    ) -> None:
        self._registry = registry
        self._config = config
        self._pauses = {pause.name: pause for pause in pauses}

    def all(self) -> tuple[Pause, ...]:
        """Return those that are in force."""
        return tuple(self._pauses.values())

    def over(self, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        """Return the routes as they are paused now."""
        return pausing.paused(routes, self.all())

    def begin(self, pause: Pause) -> None:
        """Pause what has this name. Raises NoSuchService, UsageError for what speaks no HTTP."""
        self._check(pause.name)
        self._pauses[pause.name] = pause
        how = f"requests wait up to {pause.hold:g} s" if pause.hold else "requests get 503"
        self._registry.tell("paused", f"{pause.name}: {how}")

    def end(self, name: str) -> bool:
        """Resume what has this name; say whether it was paused. Raises NoSuchService."""
        was = self._pauses.pop(name, None) is not None
        if was:
            self._registry.tell("resumed", name)
        else:
            self._check(name)
        return was

    def _check(self, name: str) -> None:
        config = self._config()
        known = pausing.names(config.routes)
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise NoSuchService(f"no route or service {name!r} in {config.file}; there is: {there}")
        tcp = {each.name for each in config.listeners if each.protocol is Protocol.TCP}
        led = [route for route in config.routes if name in (route.name, route.service)]
        if all(route.listener in tcp for route in led):
            raise UsageError(f"{name} is reached over tcp, where there are no requests to answer")
