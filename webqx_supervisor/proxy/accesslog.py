"""One line per exchange in a file that all proxies share, written in batches.

A line: time, client, method, target, status, octets of the body, milliseconds, upstream, request
id, retries and, where the proxy itself had something to say, the reason. A missing value is `-`.
With the key `request_id` the request id may be one that a trusted proxy in front gave; with the key
`trace` a comma and the id of the trace stand behind it.
"""

import functools
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webqx_supervisor.net.reactor import Reactor

FLUSH_AFTER = 1.0
"""s that a record may wait for company."""
BATCH = 512
"""Records that are written without waiting: about 64 KiB."""
MAX_SIZE = 50 * 1024 * 1024
"""Octets from which the file is put aside as access.log.1."""

_LOG = logging.getLogger(__name__)


@dataclass
class Record:
    """What is known of one exchange; times as Reactor.now counts them."""

    __slots__ = (
        "began",
        "client",
        "ended",
        "method",
        "name",
        "reason",
        "request",
        "retries",
        "sent",
        "status",
        "target",
        "upstream",
    )
    ended: float
    began: float
    client: str
    method: bytes
    target: bytes
    status: int
    sent: int
    upstream: str
    request: int
    retries: int
    reason: str
    name: str
    """What is written in place of the request id, if anything."""


class AccessLog:
    """Collects records and appends them to LOG_DIR/access.log; wakes nobody when there are none."""

    def __init__(
        self,
        reactor: Reactor,
        folder: Path,
        wall_clock: Callable[[], float] = time.time,
        max_size: int = MAX_SIZE,
    ) -> None:
        self.path = folder / "access.log"
        self._max_size = max_size
        self._reactor = reactor
        self._wall_clock = wall_clock
        self.mark = f"{os.getpid():x}{int(wall_clock()) & 0xFFFFFF:06x}"
        self._offset = wall_clock() - reactor.now
        self._records: list[Record] = []
        self._requests = 0
        self._flusher_sleeps = False
        self._failing = False

    def next_request(self) -> int:
        """Return the next request's number; request_id() makes it unique among all proxies."""
        self._requests += 1
        return self._requests

    def request_id(self, number: int) -> str:
        """Return the name under which a request is found in the log and in error answers."""
        return f"{self.mark}-{number:x}"

    def record(self, record: Record) -> None:
        """Have a record written within a second or so."""
        self._records.append(record)
        if len(self._records) >= BATCH:
            self.flush()
        elif not self._flusher_sleeps:
            self._flusher_sleeps = True
            self._reactor.spawn(self._flush_later())

    def flush(self) -> None:
        """Write all there is. A disk that refuses costs lines, never an exchange."""
        if not self._records:
            return
        records, self._records = self._records, []
        self._offset = self._wall_clock() - self._reactor.now
        text = b"".join(map(self._line, records))
        try:
            with self.path.open("ab", buffering=0) as file:
                file.write(text)
                self._rotate(file.fileno())
            self._failing = False
        except OSError as error:
            if not self._failing:
                _LOG.warning("access log: lines are lost: %s", error)
            self._failing = True

    async def _flush_later(self) -> None:
        await self._reactor.sleep(FLUSH_AFTER)
        self._flusher_sleeps = False
        self.flush()

    def _line(self, record: Record) -> bytes:
        at = int((record.ended + self._offset) * 1000)
        took = int((record.ended - record.began) * 10000)  # tenths of ms
        # What a parser has let through is ASCII.
        line = (
            f"{stamp(at // 1000)}.{at % 1000:03}Z {record.client}"
            f" {record.method.decode('ascii') or '-'} {record.target.decode('ascii') or '-'}"
            f" {record.status} {record.sent} {took // 10}.{took % 10} {record.upstream or '-'}"
            f" {self.mark}-{record.request:x} {record.retries} {record.reason or '-'}\n"
        )
        if record.name:  # rare, so that all others need not be put together of more parts
            own = self.request_id(record.request)
            line = line.replace(f" {own} ", f" {record.name} ", 1)
        return line.encode()

    def _rotate(self, fd: int) -> None:
        if os.fstat(fd).st_size < self._max_size:
            return
        with suppress(FileNotFoundError):
            # Another proxy may just have done it: then the name holds a small new file.
            if self.path.stat().st_ino == os.fstat(fd).st_ino:
                self.path.replace(self.path.with_name("access.log.1"))


@functools.lru_cache(maxsize=4)
def stamp(second: int) -> str:
    """Return a second of Unix time as the logs write it, without its end."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
