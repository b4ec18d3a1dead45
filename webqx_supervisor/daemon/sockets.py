"""The listening sockets: bound here, kept by the keeper, used by the proxies.

A bound socket stays in the fd store, so neither a new daemon nor a new proxy ever closes the
port: connections that come meanwhile wait in the backlog.
"""

import logging
import socket
from collections.abc import Iterable

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.gateway import Listener
from webqx_supervisor.net.listeners import listen, parse_bind
from webqx_supervisor.process import portowner

log = logging.getLogger(__name__)

PREFIX = "listen="
RETRY = 5.0
Key = tuple[str, str]
"""(listener, bind), as TableMessage names a socket."""


class ListeningSockets:
    """Every (listener, bind) pair that is open, and why the others are not."""

    def __init__(self, store: FdStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._found: dict[str, socket.socket] = {}
        self.open: dict[Key, socket.socket] = {}
        self.problems: dict[Key, str] = {}
        self._wanted: list[Key] = []

    def adopt(self, inherited: dict[str, list[int]]) -> None:
        """Take over the sockets of an earlier daemon, by the address they are bound to."""
        for name in [name for name in inherited if name.startswith(PREFIX)]:
            for number in inherited.pop(name):
                self._found[_unescape(name)] = socket.socket(fileno=number)

    def follow(self, listeners: Iterable[Listener]) -> None:
        """Open what is wanted and not open, close what is open and not wanted."""
        self._wanted = [(listener.name, bind) for listener in listeners for bind in listener.binds]
        for key in set(self.open) - set(self._wanted):
            self._found[key[1]] = self.open.pop(key)  # the same address may be wanted elsewhere
        self.try_again()
        for bind, left_over in self._found.items():
            left_over.close()
            self._store.remove(_escape(bind))
        self._found.clear()

    def try_again(self) -> None:
        """Open what is wanted and could not be opened before."""
        before, self.problems = self.problems, {}
        for key in self._wanted:
            if key not in self.open:
                self._try_to_open(key)
        if self.problems != before:
            for (name, _), problem in self.problems.items():
                self._registry.tell("unbound", f"listener {name}: {problem}")
        self._registry.changed()

    async def keep_trying(self) -> None:
        """Try again every RETRY seconds while there is something that could not be opened."""
        while True:
            await self._registry.until(lambda: bool(self.problems))
            await trio.sleep(RETRY)
            self.try_again()

    def close(self) -> None:
        """Close all, for good: the daemon ends."""
        self.follow(())

    def _try_to_open(self, key: Key) -> None:
        name, bind = key
        found = self._found.pop(bind, None)
        try:
            self.open[key] = found or listen(bind)
        except OSError as error:
            self.problems[key] = _explain(bind, error)
            return
        if found is None:
            self._store.push(_escape(bind), self.open[key].fileno())
            self._registry.tell("listening", f"listener {name} on {bind}")


def _explain(bind: str, error: OSError) -> str:
    holder = portowner.holder(parse_bind(bind)[1])
    if holder is not None:
        return f"{bind} is held by pid {holder.pid} ({holder.command})"
    return f"cannot listen on {bind}: {error.strerror}"


def _escape(bind: str) -> str:
    """Name a socket in the fd store; systemd allows no colon in names."""
    return PREFIX + bind.replace(":", "~")


def _unescape(name: str) -> str:
    return name.removeprefix(PREFIX).replace("~", ":")
