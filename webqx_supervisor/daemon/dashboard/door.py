"""The door for browsers: the address where the page is served."""

import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.server import Connection, Handler, Stream
from webqx_supervisor.core import browsing
from webqx_supervisor.daemon.dashboard import live
from webqx_supervisor.daemon.dashboard.guard import FIELDS, Guard
from webqx_supervisor.daemon.dashboard.sessions import Sessions
from webqx_supervisor.daemon.race import either
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.config import Dashboard
from webqx_supervisor.model.errors import WebqxError

if TYPE_CHECKING:
    import ssl

STORED = "dashboard"
"""What the listening socket is called in the fd store: an open page finds the next daemon."""


class Door:
    """Opened by the file, or by the first invitation."""

    def __init__(
        self,
        wanted: Callable[[], Dashboard],
        sessions: Sessions,
        registry: Registry,
        store: FdStore,
    ) -> None:
        self._wanted = wanted
        self._sessions = sessions
        self._registry = registry
        self._store = store
        self._kept: socket.socket | None = None
        self._invited = trio.Event()
        self._served: Dashboard | None = None
        self._address = ""
        self._problem = ""

    def adopt(self, inherited: dict[str, list[int]]) -> None:
        """Take over the listening socket of an earlier daemon; call before `run`."""
        first, *copies = inherited.pop(STORED, [-1])
        for number in copies:
            os.close(number)
        if first >= 0:
            self._kept = socket.socket(fileno=first)

    async def invite(self) -> str:
        """Return an address that lets one browser in, within a minute. Raises WebqxError."""
        if not self._wanted().enabled:
            raise WebqxError("the dashboard is switched off: daemon.dashboard in services.toml")
        self._problem = ""
        self._invited.set()
        self._registry.changed()
        await self._registry.until(lambda: self._served == self._wanted() or self._problem)
        if self._problem:
            raise WebqxError(self._problem)
        scheme = "https" if self._wanted().certificate else "http"
        return f"{scheme}://{self._address}/login?code={self._sessions.invite()}"

    async def run(self, handle: Handler, look: Callable[[], Awaitable[Any]]) -> None:
        """Serve the page while the file, or somebody who was invited, wants it; until cancelled.

        `handle` answers what the page asks, `look` returns what is seen now.
        """

        def messages() -> Stream:
            return Stream("text/event-stream", live.messages(look, self._registry, time.time))

        while True:
            wanted = self._wanted()

            async def other(wanted: Dashboard = wanted) -> None:
                await self._registry.until(lambda: self._wanted() != wanted)

            async def serve(wanted: Dashboard = wanted) -> None:
                if not wanted.bind and self._kept is None:
                    await self._invited.wait()
                if wanted.enabled:
                    await self._serve(wanted, handle, messages)
                await trio.sleep_forever()

            await either(serve, other)
            self._forget()

    async def _serve(
        self, wanted: Dashboard, handle: Handler, messages: Callable[[], Stream]
    ) -> None:
        while True:
            try:
                context = _tls(wanted)
                sock = self._listen(wanted)
                break
            except OSError as error:
                where = wanted.bind or "the loopback"
                self._problem = f"the dashboard cannot be served on {where}: {error}"
                self._registry.tell("failed", self._problem)
                self._invited = trio.Event()
                await self._invited.wait()
        host, port = sock.getsockname()[:2]
        host = f"[{host}]" if ":" in host else host
        self._served, self._address = wanted, f"{host}:{port}"
        self._registry.tell("listening", f"the dashboard on {self._address}")
        ours = browsing.authorities(port, (*browsing.LOOPBACK_NAMES, *wanted.names, host))
        guard = Guard(self._sessions, ours, context is not None, handle, messages)

        async def accepted(stream: trio.SocketStream) -> None:
            secured = trio.SSLStream(stream, context, server_side=True) if context else stream
            await Connection(secured, guard.answer, os.geteuid(), guard.methods, FIELDS).run()

        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        await trio.serve_listeners(accepted, [listener])

    def _listen(self, wanted: Dashboard) -> socket.socket:
        """Return the listening socket: that of an earlier daemon, if it is where it should be."""
        host, _, port = (wanted.bind or "127.0.0.1:0").rpartition(":")
        host = host.strip("[]")
        if self._kept is not None:
            if not wanted.bind or self._kept.getsockname()[:2] == (host, int(port)):
                return self._kept
            self._forget()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server((host, int(port)), family=family, backlog=128)
        sock.setblocking(False)
        self._store.push(STORED, sock.fileno())
        self._kept = sock
        return sock

    def _forget(self) -> None:
        """Close the listening socket, here and in the store."""
        self._served, self._problem, self._invited = None, "", trio.Event()
        if self._kept is not None:
            self._store.remove(STORED)
            self._kept.close()
            self._kept = None


def _tls(wanted: Dashboard) -> "ssl.SSLContext | None":
    if not wanted.certificate:
        return None
    import ssl  # noqa: PLC0415 - OpenSSL is loaded for who speaks TLS alone

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(wanted.certificate, wanted.key or None)
    return context
