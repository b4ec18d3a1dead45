"""WebSocket frames as somebody sees them who only passes them on (RFC 6455).

A frame of one's own, such as Close, may stand between any two frames, also between the fragments
of a message (section 5.4), but never inside of one. So whoever wants to send one follows where
frames end. Nothing of their content is looked at.
"""

from enum import IntEnum

_CLOSE = 8


class CloseCode(IntEnum):
    """Why an endpoint closes: section 7.4.1, and the registry of section 11.7."""

    GOING_AWAY = 1001
    SERVICE_RESTART = 1012


class FrameFollower:
    """Follows one direction of a connection, octet by octet, to know where frames end."""

    __slots__ = ("_head", "_left", "closed")

    def __init__(self, left: int = 0, head: bytes = b"", *, closed: bool = False) -> None:
        self._left = left
        self._head = head
        self.closed = closed
        """A Close frame has begun: none may follow it."""

    def feed(self, data: bytes) -> None:
        """Take in what is passed on, in pieces of any size."""
        if self._head:
            data, self._head = self._head + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            header = _header_size(data, at)
            if not header:
                self._head = data[at:]
                return
            self.closed = self.closed or data[at] & 0x0F == _CLOSE
            self._left = _payload_size(data, at)
            at += header

    @property
    def between_frames(self) -> bool:
        """Whether a frame has ended and the next one has not begun."""
        return not (self._left or self._head)

    def state(self) -> tuple[int, bytes, bool]:
        """Return (octets left of the payload, what there is of a header, whether closed)."""
        return self._left, self._head, self.closed


def close_frame(code: int, *, masked: bool) -> bytes:
    """Return a Close frame (section 5.5.1); a client's is masked (section 5.3), here with zeros."""
    payload = code.to_bytes(2, "big")
    return b"\x88\x82\0\0\0\0" + payload if masked else b"\x88\x02" + payload


def _header_size(data: bytes, at: int) -> int:
    """Return how long the header is that begins there (section 5.2); 0 if it is not whole."""
    there = len(data) - at
    if there < 2:
        return 0
    second = data[at + 1]
    size = 2 + _length_octets(second) + (4 if second & 0x80 else 0)
    return size if there >= size else 0


def _payload_size(data: bytes, at: int) -> int:
    second = data[at + 1]
    octets = _length_octets(second)
    if not octets:
        return second & 0x7F
    return int.from_bytes(data[at + 2 : at + 2 + octets], "big")


def _length_octets(second: int) -> int:
    """Return in how many further octets the length stands."""
    short = second & 0x7F
    return 2 if short == 126 else 8 if short == 127 else 0
