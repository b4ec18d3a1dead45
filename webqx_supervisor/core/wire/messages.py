"""A message's head as a value: everything the proxy decides by, worked out once at parsing."""

from dataclasses import dataclass

from webqx_supervisor.core.wire.headers import split_fields

CHUNKED = -1
"""A body length that is no number: the chunked coding says where the body ends."""
UNTIL_CLOSE = -2
"""A body length that is no number: the end of the connection ends the body (answers only)."""
LENGTH_LIMIT = 2**53 - 1
"""The largest length of a body or a chunk: what a worker written in JavaScript can still count."""


class Malformed(Exception):  # noqa: N818 - what the message is; the proxy answers it, nobody fails
    """A request that must be refused with `status`; `reason` is a short sentence for its sender."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class MalformedAnswer(Exception):  # noqa: N818 - the same
    """An answer that must not be relayed: the client gets 502, the connection is closed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class RequestHead:
    """The head of a well-formed request. Names are case-insensitive, values without outer blanks.

    `keep_alive` and `expects_continue` may be lowered by who handles the request.
    """

    __slots__ = (
        "authority",
        "block",
        "expects_continue",
        "host",
        "keep_alive",
        "kept",
        "length",
        "method",
        "minor",
        "path",
        "target",
        "upgrade",
        "via_self",
    )

    method: bytes
    target: bytes
    """Origin-form, octets as received; `*` for OPTIONS that this server itself must answer."""
    path: str
    """The path without dot segments and needless escapes; for routing only, never forwarded."""
    host: bytes
    """Lower case, without port and final dot; b"" when an HTTP/1.0 client named none."""
    authority: bytes
    """The host and port to forward as Host."""
    minor: int
    kept: bytes
    """The lines that go on to the worker, written as `Name: value` each."""
    block: bytes
    """The whole head as received."""
    length: int
    """Octets of the body, or CHUNKED."""
    keep_alive: bool
    expects_continue: bool
    upgrade: bytes
    """The protocol asked for, lower case; b"" for none, or where it must not be granted."""
    via_self: bool
    """The request came through this product twice before: it runs in a circle."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """All fields as received; worked out at each call."""
        return split_fields(self.block)


@dataclass
class ResponseHead:
    """The head of a well-formed answer to a request whose method is known."""

    __slots__ = (
        "block",
        "content_length",
        "dated",
        "keep_alive",
        "kept",
        "length",
        "minor",
        "reason",
        "status",
        "upgrade",
    )

    status: int
    reason: bytes
    minor: int
    kept: bytes
    """The lines that go on to the client, written as `Name: value` each."""
    block: bytes
    """The whole head as received."""
    length: int
    """Octets that follow, CHUNKED or UNTIL_CLOSE; 0 where the method or the status forbids them."""
    keep_alive: bool
    """Whether the upstream's connection outlives the answer."""
    upgrade: bytes
    """The protocol offered, lower case, or b""."""
    dated: bool
    """The worker said when."""
    content_length: int | None
    """What Content-Length says, also where no body follows (HEAD, 304)."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """All fields as received; worked out at each call."""
        return split_fields(self.block)
