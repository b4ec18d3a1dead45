"""Who accepts on the addresses of a service, a proxy or its workers, while an apply changes that.

Until its workers are replaced all stays as it was, and where they cannot be it stays for good. In
between nobody is refused: who comes waits in the queue of a socket that somebody will accept on.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Listener


@dataclass(frozen=True, slots=True)
class Sides:
    """One apply; what it leads through differs from `new` in own listeners and their routes."""

    old: Config
    new: Config

    @property
    def changing(self) -> frozenset[str]:
        """The services that concerns: what workers accept on changes, as something or nothing."""
        return frozenset(
            name
            for name, listener in _own(self.new).items()
            if (before := _own(self.old).get(name)) is not None
            and (before.handed or listener.handed)
            and (before.handed, before.binds) != (listener.handed, listener.binds)
        )

    def before(self) -> Config:
        """Return the configuration that holds until the first of them is replaced."""
        return _taken(self.new, self.old, self.changing)

    def during(self, now: Config, name: str) -> Config:
        """Return `now` for the time in which the workers of that service are replaced.

        New ones need their sockets, and while one side has left the other may not be there yet. So
        proxies go first and come last; addresses of both, old and new workers, are kept open.
        """
        old, new = _own(self.old)[name], _own(self.new)[name]
        if not new.handed:
            return now
        both = dict.fromkeys((*(old.binds if old.handed else ()), *new.binds))
        between = replace(new, binds=tuple(both))
        return _taken(now, replace(self.new, listeners=(between,)), {name})

    def after(self, now: Config, name: str, *, replaced: bool) -> Config:
        """Return `now` for the time after that."""
        return _taken(now, self.new if replaced else self.old, {name})


def _own(config: Config) -> dict[str, Listener]:
    services = {each.name for each in config.services}
    return {each.name: each for each in config.listeners if each.name in services}


def _taken(config: Config, source: Config, names: Collection[str]) -> Config:
    """Return `config` with the listeners of these names, and the routes there, as in `source`."""
    listeners = {each.name: each for each in source.listeners if each.name in names}
    return replace(
        config,
        listeners=tuple(listeners.get(each.name, each) for each in config.listeners),
        routes=(
            *(each for each in config.routes if each.listener not in names),
            *(each for each in source.routes if each.listener in names),
        ),
    )
