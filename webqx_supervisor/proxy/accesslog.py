"""One line per exchange in a file that all proxies share, written in batches.

A line of the default format: time, client, method, target, status, octets of the body,
milliseconds, upstream, request id, retries and, where the proxy itself had something to say, the
reason. A missing value is `-`.
With the key `request_id` the request id may be one that a trusted proxy in front gave; with the key
`trace` a comma and the id of the trace stand behind it.
"""

import functools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webqx_supervisor.core.accessformat import Facts, escaped, formatter
from webqx_supervisor.core.wire.messages import RequestHead
from webqx_supervisor.model.accesslog import AccessLog as Policy
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.process.packing import Packer
from webqx_supervisor.process.sharedlog import SharedLogFile

FLUSH_AFTER = 1.0
"""s that a record may wait for company."""
BATCH = 512
"""Records that are written without waiting: about 64 KiB."""

_LOG = logging.getLogger(__name__)


@dataclass
class Record:
    """What is known of one exchange; times as Reactor.now counts them."""

    __slots__ = (
        "began",
        "claims",
        "client",
        "ended",
        "head",
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
    """What is written in place of the request id, and behind a comma the trace, if anything."""
    head: RequestHead | None
    """Where the format `wants_heads`."""
    claims: dict[str, Any] | None


class AccessLog:
    """Collects records and appends them to LOG_DIR/access.log; wakes nobody when there are none."""

    def __init__(
        self, reactor: Reactor, folder: Path, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self.path = folder / "access.log"
        self.mark = f"{os.getpid():x}{int(wall_clock()) & 0xFFFFFF:06x}"
        self.wants_heads = False
        """A record is to have its head, and its claims."""
        self._folder = folder
        self._reactor = reactor
        self._wall_clock = wall_clock
        self._offset = wall_clock() - reactor.now
        self._records: list[Record] = []
        self._requests = 0
        self._flusher_sleeps = False
        self._failing = False
        self._packer = Packer()
        self._share = 0.0
        self._policy: Policy | None = None
        self.follow(Policy())

    def follow(self, policy: Policy) -> None:
        """Write by this policy from now on."""
        if policy == self._policy:
            return
        self.flush()
        self._policy = policy
        self._enabled = policy.enabled
        self._thin = policy.sample < 1
        self._share = 1.0 - policy.sample if policy.sample else 0.0
        own = policy.format != "default"
        self.wants_heads = own
        self._format = formatter(policy.format) if own else None
        self._file = self._open("access.log", policy)
        self._slow_file = self._open("slow.log", policy) if policy.slow else None

    def next_request(self) -> int:
        """Return the next request's number; request_id() makes it unique among all proxies."""
        self._requests += 1
        return self._requests

    def request_id(self, number: int) -> str:
        """Return the name under which a request is found in the log and in error answers."""
        return f"{self.mark}-{number:x}"

    def record(self, record: Record) -> None:
        """Have a record written within a second or so."""
        if not self._enabled or (self._thin and not self._is_chosen(record)):
            return
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
        line = self._line if self._format is None else self._formatted
        try:
            self._file.append(b"".join(map(line, records)))
            if self._slow_file is not None:
                slow = [each for each in records if self._is_slow(each)]
                if slow:
                    self._slow_file.append(b"".join(map(line, slow)))
            self._failing = False
        except OSError as error:
            if not self._failing:
                _LOG.warning("access log: lines are lost: %s", error)
            self._failing = True

    def _open(self, name: str, policy: Policy) -> SharedLogFile:
        return SharedLogFile(self._folder / name, policy, self._packer, self._wall_clock)

    def _is_chosen(self, record: Record) -> bool:
        """Say whether a record is of the share that is written: all errors and slow ones are."""
        if record.status >= 400 or self._is_slow(record):
            return True
        assert self._policy is not None, "follow() comes first"
        self._share += self._policy.sample
        if self._share < 1:
            return False
        self._share -= 1
        return True

    def _is_slow(self, record: Record) -> bool:
        """Say whether a request took too long; of a tunnel that is no matter."""
        limit = self._policy.slow if self._policy is not None else 0.0
        took = record.ended - record.began
        return bool(limit) and took >= limit and record.status not in (0, 101)

    async def _flush_later(self) -> None:
        await self._reactor.sleep(FLUSH_AFTER)
        self._flusher_sleeps = False
        self.flush()

    def _line(self, record: Record) -> bytes:
        at = int((record.ended + self._offset) * 1000)
        took = int((record.ended - record.began) * 10000)  # tenths of ms
        reason = escaped(record.reason) if record.reason else "-"
        # What a parser has let through is ASCII.
        line = (
            f"{stamp(at // 1000)}.{at % 1000:03}Z {record.client}"
            f" {record.method.decode('ascii') or '-'} {record.target.decode('ascii') or '-'}"
            f" {record.status} {record.sent} {took // 10}.{took % 10} {record.upstream or '-'}"
            f" {self.mark}-{record.request:x} {record.retries} {reason}\n"
        )
        if record.name:  # rare, so that all others need not be put together of more parts
            own = self.request_id(record.request)
            line = line.replace(f" {own} ", f" {record.name} ", 1)
        return line.encode()

    def _formatted(self, record: Record) -> bytes:
        assert self._format is not None, "it is asked before"
        head = record.head
        name, _, trace = record.name.partition(",")
        return self._format(
            Facts(
                ended=record.ended + self._offset,
                seconds=record.ended - record.began,
                client=record.client,
                method=record.method,
                target=record.target,
                minor=-1 if head is None else head.minor,
                block=b"" if head is None else head.block,
                status=record.status,
                sent=record.sent,
                upstream=record.upstream,
                request_id=name or self.request_id(record.request),
                trace=trace,
                retries=record.retries,
                reason=record.reason,
                claims=record.claims,
            )
        ).encode("ascii", "backslashreplace")


@functools.lru_cache(maxsize=4)
def stamp(second: int) -> str:
    """Return a second of Unix time as the logs write it, without its end."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
