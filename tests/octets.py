"""Tools for tests on raw octets: a worker that writes down all it gets, and what that should be.

What it gets is read by h11, which knows nothing of this product: whatever the proxy forwards has
to be one whole request to somebody else, too.
"""

from collections.abc import Callable

import h11
import trio
from stage import Peer, Stage, ok

BLOCK = b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Real-IP: 127.0.0.1\r\n"


def forwarded(
    start: str, *fields: str, host: str = "example.org", body: bytes = b"", via: str = "1.1"
) -> bytes:
    """Return what a worker gets of a request: `fields` are those of the client that pass."""
    lines = [start, f"Host: {host}", *fields]
    if host:
        lines.append(f"X-Forwarded-Host: {host}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n" + BLOCK
    return head + b"Via: %b webqx-sv\r\n\r\n" % via.encode() + body


class Recorder:
    """A worker that answers each whole request with the same octets, and keeps the requests."""

    def __init__(self, answer: bytes = b"", *, close: bool = False) -> None:
        self.requests: list[bytes] = []
        """Whole ones, octet for octet."""
        self.unfinished: list[bytes] = []
        """What each connection has brought, so far, after its last whole request."""
        self.ended = 0
        """Connections that have ended."""
        self._answer = answer
        self._close = close

    async def __call__(self, peer: Peer) -> None:
        number = self.connections
        self.unfinished.append(b"")
        heard = b""
        try:
            while data := await peer.stream.receive_some(65536):
                heard += data
                while (size := request_size(heard)) >= 0:
                    asked, heard = heard[:size], heard[size:]
                    self.requests.append(asked)
                    await peer.send(self._answer or ok(b"" if asked[:5] == b"HEAD " else b"seen"))
                    if self._close:
                        return
                self.unfinished[number] = heard
        except trio.BrokenResourceError:
            pass
        finally:
            self.ended += 1

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self.unfinished)


def request_size(octets: bytes) -> int:
    """Return where the request at the start ends, as h11 sees it, or -1 if it is not whole.

    Raises h11.RemoteProtocolError for what h11 does not take for a request.
    """
    if not octets:  # which would tell h11 that the connection has ended
        return -1
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(octets)
    while (event := reader.next_event()) is not h11.NEED_DATA:
        if isinstance(event, h11.EndOfMessage):
            return len(octets) - len(reader.trailing_data[0])
        assert event is not h11.PAUSED
    return -1


async def record(stage: Stage, answer: bytes = b"", *, close: bool = False) -> Recorder:
    """Put one worker into the table that writes down what it gets."""
    recorder = Recorder(answer, close=close)
    await stage.apply(await stage.upstream(recorder))
    return recorder


def answering(octets: bytes, *, close: bool = False) -> Callable[[Peer], object]:
    """Return a worker that sends these octets for each request, whatever it is."""

    async def play(peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.send(octets)
            if close:
                return

    return play


async def everything(client: Peer) -> tuple[bytes, bool]:
    """Return all that comes, and whether the connection ended in order (not by a reset)."""
    got = b""
    try:
        while data := await client.stream.receive_some(65536):
            got += data
    except trio.BrokenResourceError:
        return got, False
    return got, True
