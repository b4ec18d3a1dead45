"""A stage for the proxy: the real one, in this process, between scripted upstreams and raw clients.

The test plays the daemon on the other end of the link, so tables, Applied and Idle are the real
messages. Everything waits at most a few seconds, then fails.
"""

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import trio

from webqx_supervisor.control.link import Link
from webqx_supervisor.model.auth import Credentials
from webqx_supervisor.model.clients import Trust
from webqx_supervisor.model.filters import Filters
from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Limits,
    Listener,
    Protocol,
    Route,
    Table,
    Upstream,
    UpstreamGroup,
    UpstreamState,
)
from webqx_supervisor.model.link import Applied, Ask, Message, Report, TableMessage
from webqx_supervisor.model.resilience import Breaker
from webqx_supervisor.model.tracing import Recording
from webqx_supervisor.net.listeners import listen
from webqx_supervisor.proxy.main import Proxy

SECONDS = 20


class Peer:
    """One end of a connection, as octets."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, octets: bytes) -> None:
        with trio.fail_after(SECONDS):
            await self.stream.send_all(octets)

    async def head(self) -> bytes:
        return await self.until(b"\r\n\r\n")

    async def until(self, mark: bytes) -> bytes:
        """Return everything up to the mark and with it; fail if the peer ends before."""
        while mark not in self._buffer:
            more = await self._more()
            assert more, f"ended after {self._buffer!r}"
        end = self._buffer.index(mark) + len(mark)
        found, self._buffer = self._buffer[:end], self._buffer[end:]
        return found

    async def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            more = await self._more()
            assert more, f"ended after {len(self._buffer)} of {count} octets"
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    async def swallow(self, size: int, progress: Callable[[int], None]) -> None:
        """Read that many octets without keeping them; `progress` hears how many there are yet."""
        received, self._buffer = len(self._buffer), b""
        with trio.fail_after(60):
            while received < size:
                data = await self.stream.receive_some(65536)
                assert data, f"ended after {received} of {size} octets"
                received += len(data)
                progress(received)

    async def reset(self) -> None:
        """Go away without a word: who only ends its side may still wait for an answer."""
        at_once = struct.pack("ii", 1, 0)
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        await trio.aclose_forcefully(self.stream)

    async def rest(self) -> bytes:
        """Return everything up to the end of the connection; a reset fails with OSError."""
        while await self._more():
            pass
        found, self._buffer = self._buffer, b""
        return found

    async def answer(self, *, to_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Read one answer: status, fields in lower case, body without its framing."""
        lines = (await self.head()).decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        if to_head or status in (204, 304):
            return status, fields, b""
        if fields.get("transfer-encoding") == "chunked":
            return status, fields, await self._chunks()
        if "content-length" in fields:
            return status, fields, await self.exactly(int(fields["content-length"]))
        return status, fields, await self.rest()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.until(b"\r\n"), 16):
            body += await self.exactly(size)
            assert await self.exactly(2) == b"\r\n"
        assert await self.exactly(2) == b"\r\n"
        return body

    async def ended(self) -> bool:
        """Say whether the peer closes, in order or by reset, without another octet."""
        try:
            return await self.rest() == b""
        except trio.BrokenResourceError:
            return True

    async def _more(self) -> bytes:
        with trio.fail_after(SECONDS):
            more = bytes(await self.stream.receive_some(65536))
        self._buffer += more
        return more


T = TypeVar("T")
Script = Callable[[Peer], Awaitable[None]]


class ScriptedUpstream:
    """A worker: `script` plays each connection; the connection is closed when it returns."""

    def __init__(self, name: str, listening: socket.socket) -> None:
        self.name = name
        self.port: int = listening.getsockname()[1]
        self.connections = 0
        self.model = Upstream(f"api:{name}@1", "127.0.0.1", self.port, 1)
        self.kept = socket.socket()
        self._scope = trio.CancelScope()
        self._listening = listening

    async def serve(self, script: Script) -> None:
        async def play(stream: trio.SocketStream) -> None:
            self.connections += 1
            try:
                await script(Peer(stream))
            except (trio.BrokenResourceError, trio.ClosedResourceError, AssertionError):
                pass  # the proxy hung up, as many plays want it to
            finally:
                await trio.aclose_forcefully(stream)

        own = self._listening.getsockname()
        with self.kept:
            with self._scope:
                await trio.serve_listeners(
                    play, [trio.SocketListener(trio.socket.from_stdlib_socket(self._listening))]
                )
            # Bound without listening it refuses as well, and no other test is given the port.
            self.kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.kept.bind(own)
            await trio.sleep_forever()

    def kill(self) -> None:
        """Die as by SIGKILL: connections end, the port refuses."""
        self._scope.cancel()

    def accepts(self) -> bool:
        """Say whether somebody listens on its port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def move_to(self, port: int) -> None:
        """Be known to the next table under another port."""
        self.port = port
        self.model = replace(self.model, port=port)


class Stage:
    """What a test does with the proxy."""

    def __init__(self, nursery: trio.Nursery, link: Link, proxy: Proxy) -> None:
        self.link = link
        self.proxy = proxy
        self.said: list[Message] = []
        self.streams: list[trio.SocketStream] = []
        self.version = 0
        self.limits = Limits()
        self.trust = Trust()
        self.forwarding = Forwarding()
        self.balance = Balance()
        self.slot = -1
        self.suspects: tuple[str, ...] = ()
        self.quarantined: tuple[str, ...] = ()
        self.hang_timeout = 0.0
        self.breaker: Breaker | None = None
        self.autoscaled = self.asleep = False
        self.credentials: tuple[Credentials, ...] = ()
        self.recording: Recording | None = None
        self.other_groups: tuple[UpstreamGroup, ...] = ()
        self.routes: tuple[Route, ...] = (Route("web", "api"),)
        self.protocol = Protocol.HTTP
        self.listening = listen("127.0.0.1:0")
        self.port: int = self.listening.getsockname()[1]
        self.has_left = trio.Event()
        self._heard = trio.Condition()
        self._listening_scope = trio.CancelScope()
        self._nursery = nursery
        self._sent_socket = False
        self._tickets = 0

    async def upstream(self, script: Script, name: str = "1") -> ScriptedUpstream:
        """Start a worker; it is in no table yet."""
        upstream = ScriptedUpstream(name, listen("127.0.0.1:0"))
        self._nursery.start_soon(upstream.serve, script)
        return upstream

    async def revive(self, upstream: ScriptedUpstream, script: Script) -> None:
        """Start a killed worker again, under its id and port."""
        upstream.kept.close()
        again = ScriptedUpstream(upstream.name, listen(f"127.0.0.1:{upstream.port}"))
        self._nursery.start_soon(again.serve, script)

    async def apply(
        self,
        *upstreams: ScriptedUpstream,
        draining: Sequence[ScriptedUpstream] = (),
        closing: Sequence[ScriptedUpstream] = (),
        expecting: bool = True,
        reason: str = "",
    ) -> None:
        """Send a table and wait until it is in force."""
        self.version += 1
        up = [each.model for each in upstreams]
        drained = [
            replace(each.model, state=state)
            for state, upstreams_in_it in (
                (UpstreamState.DRAINING, draining),
                (UpstreamState.CLOSING, closing),
            )
            for each in upstreams_in_it
        ]
        group = UpstreamGroup(
            "api",
            (*up, *drained),
            self.forwarding,
            expecting,
            reason,
            self.balance,
            self.slot,
            self.suspects,
            self.quarantined,
            self.hang_timeout,
            self.breaker,
            self.autoscaled,
            self.asleep,
        )
        listener = Listener("web", ("here",), self.protocol, self.limits, self.trust)
        groups = (group, *self.other_groups)
        table = Table(
            self.version,
            (listener,),
            self.routes,
            groups,
            self.credentials,
            recording=self.recording,
        )
        if self._sent_socket:
            await self.link.send(TableMessage(table))
        else:
            self._sent_socket = True
            await self.link.send(TableMessage(table, (("web", "here"),)), [self.listening.fileno()])
        await self.hears(Applied(self.version))

    def filter(self, **filters: object) -> None:
        """Have all requests go through these filters, from the next table on."""
        self.routes = (Route("web", "api", filters=Filters(**filters)),)

    async def apply_without_groups(self) -> None:
        """Send a table in which no service has upstreams, not even none."""
        self.version += 1
        listener = Listener("web", ("here",), self.protocol, self.limits, self.trust)
        table = Table(self.version, (listener,), self.routes)
        await self.link.send(TableMessage(table))
        await self.hears(Applied(self.version))

    async def hears(self, message: Message) -> None:
        """Wait until the proxy has said this."""
        with trio.fail_after(SECONDS):
            async with self._heard:
                while message not in self.said:
                    await self._heard.wait()

    async def hears_of(self, kind: type[T], count: int = 1) -> list[T]:
        """Wait until the proxy has said so many of a kind; return them."""
        with trio.fail_after(SECONDS):
            async with self._heard:
                while len(found := [each for each in self.said if isinstance(each, kind)]) < count:
                    await self._heard.wait()
        return found

    async def report(self) -> Report:
        """Ask for the figures of this moment."""
        self._tickets += 1
        await self.link.send(Ask(self._tickets))
        with trio.fail_after(SECONDS):
            async with self._heard:
                while True:
                    for said in reversed(self.said):
                        if isinstance(said, Report) and said.ticket == self._tickets:
                            return said
                    await self._heard.wait()

    async def connect(self, source: str | None = None) -> Peer:
        """Connect as a client, from another address of this machine if one is given."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port, local_address=source)
        self.streams.append(stream)
        return Peer(stream)

    async def ask(
        self, request: bytes, source: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request on a connection of its own and return the answer."""
        client = await self.connect(source)
        try:
            await client.send(request)
            return await client.answer(to_head=request.startswith(b"HEAD"))
        finally:
            await trio.aclose_forcefully(client.stream)

    def log_lines(self) -> list[str]:
        """Return the access log, written out."""
        log = self.proxy.gateway.log
        log.flush()
        return log.path.read_text().splitlines() if log.path.exists() else []

    def go_silent(self) -> None:
        """Die as the daemon: the link ends."""
        self._listening_scope.cancel()
        self.link.close()

    async def run_proxy(self) -> None:
        await self.proxy.run()
        self.has_left.set()

    async def listen_to_proxy(self) -> None:
        with self._listening_scope:
            while True:
                message, _ = await self.link.receive()
                async with self._heard:
                    self.said.append(message)
                    self._heard.notify_all()


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Run a proxy; nothing is in its table yet."""
    ours, theirs = socket.socketpair()
    with Link(ours) as link, Link(theirs) as their_link:
        async with trio.open_nursery() as nursery:
            proxy = Proxy(their_link, folder)
            stage = Stage(nursery, link, proxy)
            with stage.listening:
                nursery.start_soon(stage.run_proxy)
                nursery.start_soon(stage.listen_to_proxy)
                yield stage
                for stream in stage.streams:
                    await trio.aclose_forcefully(stream)
                nursery.cancel_scope.cancel()


def request(method: str = "GET", path: str = "/", *fields: str, body: bytes = b"") -> bytes:
    """Return a request; a body brings its Content-Length."""
    lines = [f"{method} {path} HTTP/1.1", "Host: example.org", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def ok(body: bytes = b"hello", *fields: str) -> bytes:
    """Return an answer 200 with this body."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def echo(peer: Peer) -> None:
    """Play a worker that answers each request with its own octets: head and body."""
    while True:
        head = await peer.head()
        body = b""
        lower = head.lower()
        if b"content-length: " in lower:
            body = await peer.exactly(int(lower.split(b"content-length: ")[1].split(b"\r")[0]))
        elif b"transfer-encoding: chunked" in lower:
            body = await peer.until(b"0\r\n\r\n")
        await peer.send(ok(b"" if head.startswith(b"HEAD") else head + body))
