"""The audit log as the daemon keeps it: one chain, written by one task at a time.

What is told here is on the disk when `write` returns. What proxies have recorded is taken over from
their spools once a second.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import trio

from webqx_supervisor import __version__
from webqx_supervisor.config.keyfile import read_key
from webqx_supervisor.config.places import Places
from webqx_supervisor.daemon.auditchain import Chain, Keys
from webqx_supervisor.daemon.auditspools import MOST, Spools
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.audit import SPOOLS, Audit, OnFailure
from webqx_supervisor.model.codec import to_plain
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.model.service import LogFormat
from webqx_supervisor.process.journald import SOCKET, Journald
from webqx_supervisor.process.lines import Origin, moment

TAKE_OVER = 1.0
"""s between two looks at what the proxies have recorded."""
TIDY = 60.0
ANCHOR = 600.0
"""s after which it is said in the daemon's log, and to journald, how far the chain has come."""
MOST_HELD = 1000
"""Records that are held while they cannot be written."""

log = logging.getLogger(__name__)


class AuditLog:
    """Follows the policy that is in force; without one it does nothing."""

    def __init__(
        self, places: Places, registry: Registry, clock: Callable[[], float] = time.time
    ) -> None:
        self.policy: Audit | None = None
        self._places = places
        self._registry = registry
        self._clock = clock
        self._chain: Chain | None = None
        self._spools = Spools(places.logs / SPOOLS)
        self._writing = trio.Lock()
        self._held: deque[dict[str, Any]] = deque()
        self._lost = 0
        self._reason = ""
        self._before = ""
        self._anchored = 0
        self._journald = Journald()

    async def follow(self, policy: Audit | None) -> None:
        """Keep the log by this policy from now on. What keeps it from that is told as an event."""
        before = self.policy
        if policy == before:
            return
        change = {"before": to_plain(before), "after": to_plain(policy)}
        if before is not None:
            await self.take_over()
            await self.tell("policy", **change)
        async with self._writing:
            await self._close("closed")
            self.policy = policy
        self._registry.changed()
        if before is None:
            await self.tell("policy", **change)

    async def begin(self, policy: Audit | None) -> None:
        """Record that the daemon has started; keep the log by this policy."""
        self.policy = policy
        if policy is not None:
            before = await self._state()
            await self.tell(
                "daemon", what="started", pid=os.getpid(), version=__version__, before=before
            )

    async def run(self) -> None:
        """Take over what the proxies record, and keep the folder tidy, until cancelled."""
        tidied = anchored = trio.current_time()
        while True:
            await trio.sleep(TAKE_OVER)
            await self._registry.until(lambda: self.policy is not None)
            await self.take_over()
            if trio.current_time() - tidied >= TIDY:
                tidied = trio.current_time()
                await self._tidy()
            if trio.current_time() - anchored >= ANCHOR:
                anchored = trio.current_time()
                self._anchor()

    async def take_over(self) -> None:
        """Bring what the proxies have recorded into the chain."""
        more = True
        try:
            while more:
                async with self._writing:  # batch by batch: a command may come in between
                    more = await trio.to_thread.run_sync(self._take_over)
        except (OSError, ValueError) as error:
            self._has_failed(error)
        else:
            self._has_gone_well()

    async def write(self, kind: str, **fields: Any) -> None:
        """Record something, and return when it is on the disk. Raises WebqxError."""
        if self.policy is None:
            return
        record = {"time": moment(self._clock()), "kind": kind, **fields}
        try:
            async with self._writing:
                await trio.to_thread.run_sync(self._append, record)
        except (OSError, ValueError) as error:
            self._has_failed(error)
            if self.policy.on_failure is OnFailure.REFUSE:
                raise WebqxError(f"it cannot be recorded: {self._reason}") from error
            self._hold(record)
        else:
            self._has_gone_well()

    async def tell(self, kind: str, **fields: Any) -> None:
        """Do the same of what has happened already: what cannot be written now is held."""
        try:
            await self.write(kind, **fields)
        except WebqxError:
            self._hold({"time": moment(self._clock()), "kind": kind, **fields})

    async def end(self, state: str) -> None:
        """Record how the daemon ends; a successor knows it by that."""
        if self.policy is None:
            return
        await self.take_over()
        await self.tell("daemon", what=state, pid=os.getpid())
        self._anchor()
        async with self._writing:
            await self._close(state)

    def will_end(self, state: str) -> None:
        """Have the next record say that the daemon ends like this."""
        if self._chain is not None:
            self._chain.state = state

    def _open(self) -> Chain:
        """Return the chain, opened if need be; in a thread. Raises OSError, ValueError."""
        if self._chain is None:
            policy = self.policy
            assert policy is not None, "without one nothing is written"
            keys = Keys(
                *(
                    read_key(each) if each else None
                    for each in (policy.key_file, policy.encryption_key_file)
                )
            )
            folder = Path(policy.folder) if policy.folder else self._places.audit
            chain = Chain(folder, policy, keys, self._clock)
            try:
                chain.open()
            except BaseException:
                chain.let_go()
                raise
            self._chain, self._before = chain, chain.state
            chain.state = "running"
            there = self._spools.names()
            chain.forget_spools([name for name in chain.spools if name not in there])
        return self._chain

    def _append(self, record: Mapping[str, Any]) -> None:
        chain = self._open()
        held, lost = list(self._held), self._lost
        gap = [{"kind": "lost", "count": lost}] if lost else []
        chain.append([*held, *gap, record])
        self._let_go(len(held), lost)

    def _take_over(self) -> bool:
        """Take over one batch; return whether there may be more."""
        chain = self._open()
        batch = self._spools.read(chain.spools)
        held = list(self._held)
        if batch.records or held:
            chain.append([*held, *batch.records], batch.done)
            self._let_go(len(held), 0)
        if batch.finished:
            self._spools.remove(batch.finished)
            chain.forget_spools(batch.finished)
        return len(batch.records) >= MOST

    async def _state(self) -> str:
        """Return how the daemon before has ended, as the chain knows it."""
        try:
            async with self._writing:
                await trio.to_thread.run_sync(self._open)
        except (OSError, ValueError) as error:
            self._has_failed(error)
            return "unknown"
        return "died" if self._before == "running" else self._before or "none"

    async def _tidy(self) -> None:
        chain = self._chain
        if chain is None:
            return
        try:
            async with self._writing:
                await trio.to_thread.run_sync(chain.tidy)
            # Beside all else: it may take its time.
            await trio.to_thread.run_sync(chain.pack_old)
        except OSError as error:
            self._has_failed(error)

    async def _close(self, state: str) -> None:
        chain, self._chain = self._chain, None
        if chain is not None:
            await trio.to_thread.run_sync(chain.close, state)

    def _anchor(self) -> None:
        """Say how far the chain has come where whoever writes the files may not reach."""
        if self._chain is None or self._chain.mark.seq == self._anchored:
            return
        mark = self._chain.mark
        self._anchored = mark.seq
        words = f"audit anchor {mark.seq}:{mark.hash}"
        log.info("%s", words)
        if SOCKET.exists():
            origin = Origin("webqx-sv", 0, os.getpid())
            self._journald.send(f"{words}\n".encode(), "out", origin, LogFormat.TEXT)

    def _hold(self, record: dict[str, Any]) -> None:
        if len(self._held) < MOST_HELD:
            self._held.append(record)
        else:
            self._lost += 1

    def _let_go(self, held: int, lost: int) -> None:
        """Forget so many that have been written; meanwhile there may have come more."""
        for _ in range(held):
            self._held.popleft()
        self._lost -= lost

    def _has_failed(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, ValueError) else error.args[-1]
        if self._reason != reason:
            self._registry.tell("audit", f"nothing can be recorded: {reason}")
        self._reason = str(reason)

    def _has_gone_well(self) -> None:
        if self._reason:
            self._registry.tell("audit", "records are written again")
        self._reason = ""
        if self._chain is not None and self._chain.broken:
            reason, self._chain.broken = self._chain.broken, ""
            text = f"the chain is broken: {reason}; `webqx-sv audit verify` says where"
            self._registry.tell("audit", text)
