"""Datagrams with spans, as they come from the proxies."""

import json
import logging
import os
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

LARGEST = 1024 * 1024
"""Octets of a datagram; unix(7) allows no more than the sender's SO_SNDBUF."""
_NUMBER = 64
"""Datagrams that are taken before it is looked whether it is the end."""

log = logging.getLogger(__name__)


class Intake:
    """Gives what comes to the socket at `path` until nobody holds the other end of `life` any more.

    The socket is made anew: an exporter before this one may have left its own, and may still be
    sending. Raises OSError.
    """

    def __init__(self, path: str, life: int) -> None:
        self._life = life
        Path(path).unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            before = os.umask(0o177)  # nobody else may say what happens here
            try:
                self._socket.bind(path)
            finally:
                os.umask(before)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        ended = False
        while not ended:
            ready, _, _ = select.select([self._socket.fileno(), self._life], [], [])
            # What was said before the end is still there then.
            ended = self._life in ready and not os.read(self._life, 4096)
            yield from self._waiting(None if ended else _NUMBER)

    def _waiting(self, most: int | None) -> Iterator[dict[str, Any]]:
        count = 0
        with suppress(BlockingIOError):
            while most is None or count < most:
                octets = self._socket.recv(LARGEST)
                count += 1
                try:
                    yield json.loads(octets)
                except ValueError:
                    log.warning("a datagram that is no JSON: %r", octets[:80])
