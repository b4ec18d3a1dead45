"""Where Prometheus fetches the metrics, if services.toml names a place: `GET /metrics`, no more."""

import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from webqx_supervisor.config.secretfile import NoSecret, kept
from webqx_supervisor.core.exposition import CONTENT_TYPE
from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.core.wire.messages import Malformed, RequestHead
from webqx_supervisor.core.wire.parser import find_head, parse_request
from webqx_supervisor.core.wire.writer import render_simple_response
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.sockets import explain
from webqx_supervisor.model.config import MetricsDoor
from webqx_supervisor.net.listeners import listen

PATIENCE = 10.0
"""s that one exchange may take in all."""
MOST = 16
"""Clients at once; others are sent away."""
RETRY = 2.0
"""s between two attempts to open what could not be opened."""
HEAD = 16 * 1024
"""Octets of the largest head."""

log = logging.getLogger(__name__)


class ScrapeDoor:
    """Open wherever `follow` was told last, while `run` runs."""

    def __init__(self, registry: Registry, text: Callable[[], Awaitable[str]]) -> None:
        self._registry = registry
        self._text = text
        self._wanted: MetricsDoor | None = None
        self._told = trio.Event()
        self._clients = 0

    def follow(self, wanted: MetricsDoor | None) -> None:
        """Be open there from now on; None: nowhere."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._told.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            self._told = trio.Event()
            async with trio.open_nursery() as nursery:
                if self._wanted is not None:
                    nursery.start_soon(self._serve, self._wanted)
                await self._told.wait()
                nursery.cancel_scope.cancel()

    async def _serve(self, door: MetricsDoor) -> None:
        problem = ""
        while True:
            try:
                _token(door)
                listening = listen(door.bind)
                break
            except (OSError, NoSecret) as error:
                reason = explain(door.bind, error) if isinstance(error, OSError) else error
                text = f"metrics: {reason}"
                if text != problem:
                    problem = text
                    self._registry.tell("unbound", text)
                await trio.sleep(RETRY)
        self._registry.tell("listening", f"metrics on {door.bind}")
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))

        async def accepted(stream: trio.SocketStream) -> None:
            await self._let_in(stream, door)

        await trio.serve_listeners(accepted, [listener])

    async def _let_in(self, stream: trio.SocketStream, door: MetricsDoor) -> None:
        async with stream:
            if self._clients >= MOST:
                return
            self._clients += 1
            try:
                with trio.move_on_after(PATIENCE), suppress(trio.BrokenResourceError):
                    await stream.send_all(await self._answer(stream, door))
            finally:
                self._clients -= 1

    async def _answer(self, stream: trio.SocketStream, door: MetricsDoor) -> bytes:
        try:
            head = await _head(stream)
        except Malformed as fault:
            return _said(fault.status, fault.reason)
        if not _may_ask(head, door):
            return _said(401, "wanted the token", b"WWW-Authenticate: Bearer\r\n")
        if head.path != "/metrics":
            return _said(404, "there is /metrics here")
        if head.method not in (b"GET", b"HEAD"):
            return _said(405, "wanted GET", b"Allow: GET, HEAD\r\n")
        try:
            text = (await self._text()).encode()
        except Exception:  # a scrape may fail alone: every worker hangs on this process
            log.exception("no metrics")
            return _said(500, "internal error")
        whole = render_simple_response(200, text, CONTENT_TYPE.encode(), close=True)
        return whole[: -len(text)] if head.method == b"HEAD" else whole


async def _head(stream: trio.SocketStream) -> RequestHead:
    """Read one head. Raises Malformed, and BrokenResourceError when the client is gone."""
    octets = b""
    while (end := find_head(octets, HEAD)) < 0:
        data = await stream.receive_some(HEAD)
        if not data:
            raise trio.BrokenResourceError("no request")
        octets += data
    return parse_request(octets[:end])


def _may_ask(head: RequestHead, door: MetricsDoor) -> bool:
    try:
        token = _token(door)
    except NoSecret:  # it was there when the door was opened
        return False
    scheme, _, said = (find_value(head.block, b"authorization") or b"").partition(b" ")
    return not token or (
        scheme.lower() == b"bearer" and hmac.compare_digest(said.strip(), token.encode())
    )


def _token(door: MetricsDoor) -> str:
    """Return what is to be known, "" for nothing; it may change at any time. Raises NoSecret."""
    if door.token is None:
        return ""
    token = kept(door.token.place).strip()
    if not token:
        raise NoSecret("there is nothing in the place of the token")
    return token


def _said(status: int, words: str, extra: bytes = b"") -> bytes:
    kind = b"text/plain; charset=utf-8"
    return render_simple_response(status, f"{words}\n".encode(), kind, close=True, extra=extra)
