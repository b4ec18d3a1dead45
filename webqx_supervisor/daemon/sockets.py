"""The listening sockets: bound here, kept by the keeper, used by the proxies.

A bound socket stays in the fd store, so neither a new daemon nor a new proxy ever closes the
port: connections that come meanwhile wait in the backlog.
"""

import errno
import logging
import os
import socket
from collections.abc import Collection, Iterable

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.gateway import Listener
from webqx_supervisor.model.service import Service
from webqx_supervisor.net.listeners import listen, parse_bind
from webqx_supervisor.process import portowner

log = logging.getLogger(__name__)

PREFIX = "listen="
FIRST_RETRY = 0.1
RETRY = 5.0
"""Pauses, in seconds, between attempts to open what could not be opened: first and longest."""
Key = tuple[str, str]
"""(listener, bind), as TableMessage names a socket."""


class ListeningSockets:
    """Every (listener, bind) pair that is open, and why the others are not."""

    def __init__(self, store: FdStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._found: dict[str, socket.socket] = {}
        self.open: dict[Key, socket.socket] = {}
        """Those that proxies accept on."""
        self.handed: dict[Key, socket.socket] = {}
        """Those that workers accept on: the listener is called as their service is."""
        self._awake: set[str] = set()
        """Services whose sockets are open, or are to be: while one is stopped it refuses."""
        self.problems: dict[Key, str] = {}
        self._wanted: dict[Key, bool] = {}
        """Whether each is handed."""

    def adopt(self, inherited: dict[str, list[int]]) -> None:
        """Take over the sockets of an earlier daemon, by the address they are bound to."""
        for name in [name for name in inherited if name.startswith(PREFIX)]:
            first, *copies = inherited.pop(name)
            found = self._found[_unescape(name)] = socket.socket(fileno=first)
            # What Python takes for blocking it makes so in every copy, and for all who share it.
            found.setblocking(False)
            for copy in copies:
                os.close(copy)

    def rescue(self, sockets: Iterable[socket.socket], only: Collection[str] | None = None) -> None:
        """Take over what nobody has kept but a process of ours; owns the `sockets`.

        `only` are the addresses that count.
        """
        for found in sockets:
            host, port = found.getsockname()[:2]
            bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            if bind in self._found or (only is not None and bind not in only):
                found.close()
                continue
            found.setblocking(False)  # as in adopt
            self._found[bind] = found
            self._store.push(_escape(bind), found.fileno())

    def follow(self, listeners: Iterable[Listener]) -> None:
        """Open what is wanted and not open, close what is open and not wanted."""
        self._wanted = {(each.name, bind): each.handed for each in listeners for bind in each.binds}
        for room in (self.open, self.handed):
            for key in [key for key in room if self._room(key) is not room]:
                self._found[key[1]] = room.pop(key)  # the same address may be wanted elsewhere
        handed = [key for key in self._wanted if self._wanted[key]]
        self._awake &= {name for name, _ in handed}
        self._awake |= {name for name, bind in handed if bind in self._found}
        # What goes, goes first: another name of the same address may come.
        for bind in self._found.keys() - {bind for _, bind in self._wanted}:
            self._found.pop(bind).close()
            self._store.remove(_escape(bind))
        self.try_again()

    def try_again(self) -> None:
        """Open what is wanted and could not be opened before."""
        before, self.problems = self.problems, {}
        for key in self._wanted:
            if key not in (self._room(key) or ()) and self._is_awake(key):
                self._try_to_open(key)
        for key, problem in self.problems.items():
            if before.get(key) != problem:
                self._registry.tell("unbound", f"listener {key[0]}: {problem}")
        self._registry.changed()

    async def keep_trying(self) -> None:
        """Try again while there is something that could not be opened.

        Soon at first: proxies hold what was closed until they follow the new table.
        """
        while True:
            await self._registry.until(lambda: bool(self.problems))
            pause = FIRST_RETRY
            while self.problems:
                await trio.sleep(pause)
                self.try_again()
                pause = min(2 * pause, RETRY)

    def close(self) -> None:
        """Close all, for good: the daemon ends."""
        self.follow(())

    def of(self, service: Service) -> list[socket.socket]:
        """Return the sockets that the workers of a service are to get. Raises CannotStart."""
        keys = [(service.name, bind) for bind in service.listen_fds]
        if keys and service.name not in self._awake:
            self._awake.add(service.name)
            self.try_again()
        for key in keys:
            if key not in self.handed:
                raise CannotStart(self.problems.get(key, f"{key[1]} is not open"))
        return [self.handed[key] for key in keys]

    def rest(self, service: str) -> None:
        """Close what is handed to a service that is stopped: who comes is refused, and not kept."""
        self._awake.discard(service)
        for key in [key for key in self.handed if key[0] == service]:
            self.handed.pop(key).close()
            self._store.remove(_escape(key[1]))

    def _is_awake(self, key: Key) -> bool:
        return not self._wanted[key] or key[0] in self._awake

    def _room(self, key: Key) -> dict[Key, socket.socket] | None:
        """Return where an open socket belongs; None: nowhere."""
        handed = self._wanted.get(key)
        return None if handed is None else self.handed if handed else self.open

    def _try_to_open(self, key: Key) -> None:
        name, bind = key
        found = self._found.pop(bind, None)
        room = self.handed if self._wanted[key] else self.open
        try:
            room[key] = found or listen(bind)
        except OSError as error:
            self.problems[key] = explain(bind, error)
            return
        if found is None:
            self._store.push(_escape(bind), room[key].fileno())
            self._registry.tell("listening", f"listener {name} on {bind}")


def explain(bind: str, error: OSError) -> str:
    """Say why an address cannot be listened on, and who has it."""
    in_use = error.errno == errno.EADDRINUSE
    holder = portowner.holder(parse_bind(bind)[1]) if in_use else None
    if holder is not None:
        return f"{bind} is held by pid {holder.pid} ({holder.command})"
    return f"cannot listen on {bind}: {error.strerror}"


def _escape(bind: str) -> str:
    """Name a socket in the fd store; systemd allows no colon in names."""
    return PREFIX + bind.replace(":", "~")


def _unescape(name: str) -> str:
    return name.removeprefix(PREFIX).replace("~", ":")
