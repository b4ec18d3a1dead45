"""Ask the daemon, blocking: the CLI imports this for every verb, so it imports next to nothing."""

import json
import socket
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from webqx_supervisor.control.failure import from_plain
from webqx_supervisor.core.wire.framing import ChunkedDecoder
from webqx_supervisor.core.wire.messages import (
    CHUNKED,
    UNTIL_CLOSE,
    Malformed,
    MalformedAnswer,
    ResponseHead,
)
from webqx_supervisor.core.wire.parser import RESPONSE_HEAD_LIMIT, find_head, parse_response
from webqx_supervisor.core.wire.writer import render_simple_request
from webqx_supervisor.model.errors import DaemonNotRunning, WebqxError

_READ_SIZE = 65536
_CONNECT_TIMEOUT = 5.0


class Client:
    """The daemon that listens on the socket `path`; every call has a connection of its own."""

    def __init__(self, path: str) -> None:
        self._path = path

    def call(self, method: str, path: str, body: Any = None, timeout: float | None = None) -> Any:
        """Return the answer's JSON value. `path` comes with its query, percent-encoded.

        `timeout` is the longest silence in seconds. Raises the WebqxError that the daemon
        raised, DaemonNotRunning when nobody answers, and WebqxError when the connection breaks.
        """
        with self._connect() as sock, _translated():
            sock.settimeout(timeout)
            head, rest = _ask(sock, method, path, body)
            return _value(head, b"".join(_body(sock, head, rest)))

    def stream(self, path: str) -> Iterator[bytes]:
        """Return the pieces of a GET's answer as they come; they end anywhere in a line.

        Raises as `call` does; what breaks on the way is raised between two pieces.
        """
        with ExitStack() as opened:
            sock = opened.enter_context(self._connect())
            opened.enter_context(_translated())
            sock.settimeout(None)
            head, rest = _ask(sock, "GET", path, None)
            if head.status != 200:
                _value(head, b"".join(_body(sock, head, rest)))
            opened.pop_all()  # nothing went wrong: the pieces own the connection now
            return _pieces(sock, head, rest)

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(_CONNECT_TIMEOUT)
            sock.connect(self._path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            sock.close()
            raise DaemonNotRunning("the daemon is not running") from error
        except OSError as error:
            sock.close()
            raise WebqxError(f"cannot reach the daemon at {self._path}: {error}") from error
        return sock


@contextmanager
def _translated() -> Generator[None]:
    """Turn what can happen to a connection into words for a person."""
    try:
        yield
    except TimeoutError as error:
        raise WebqxError("the daemon did not answer in time") from error
    except OSError as error:
        raise WebqxError(f"the connection to the daemon broke: {error}") from error
    except (Malformed, MalformedAnswer, ValueError) as error:
        raise WebqxError(f"the daemon's answer makes no sense: {error}") from error


def _ask(sock: socket.socket, method: str, path: str, body: Any) -> tuple[ResponseHead, bytes]:
    """Send a request; return the head of its answer and the bytes that came behind it."""
    content = b"" if body is None else json.dumps(body).encode()
    sock.sendall(
        render_simple_request(
            method.encode(), path.encode(), b"webqx-sv", content, b"application/json"
        )
    )
    received = b""
    while (end := find_head(received, RESPONSE_HEAD_LIMIT)) < 0:
        received += _receive(sock)
    return parse_response(received[:end], method.encode()), received[end:]


def _body(sock: socket.socket, head: ResponseHead, rest: bytes) -> Iterator[bytes]:
    """Yield the pieces of an answer's body; `rest` has come already."""
    if head.length == UNTIL_CLOSE:
        raise MalformedAnswer("its end is not told")
    if head.length == CHUNKED:
        decoder = ChunkedDecoder()
        piece = decoder.receive(rest)
        while not decoder.done:
            if piece:
                yield piece
            piece = decoder.receive(_receive(sock))
        if piece:
            yield piece
        return
    left = head.length
    while left:
        piece = (rest or _receive(sock))[:left]
        rest = b""
        left -= len(piece)
        yield piece


def _pieces(sock: socket.socket, head: ResponseHead, rest: bytes) -> Iterator[bytes]:
    with sock, _translated():
        yield from _body(sock, head, rest)


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(_READ_SIZE)
    if not data:
        raise ConnectionError("the daemon went away before its answer was whole")
    return data


def _value(head: ResponseHead, content: bytes) -> Any:
    plain = json.loads(content)
    if head.status != 200:
        raise from_plain(plain)
    return plain
