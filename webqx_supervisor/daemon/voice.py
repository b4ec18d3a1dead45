"""What one process says of itself: over its NOTIFY_SOCKET, a pipe, Node's IPC channel, in its log.

The ends of the channels are in the fd store as well. So a worker may go on to tell while no daemon
lives, and the next one hears it.
"""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.core import nodeipc
from webqx_supervisor.core.notify import Notice, parse
from webqx_supervisor.daemon.journal import Said
from webqx_supervisor.model.readiness import Access, Check, Means
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import tree
from webqx_supervisor.process.identity import Identity
from webqx_supervisor.process.nodeipc import Channel
from webqx_supervisor.process.notify import Datagram, NotifySocket

NOTIFY, PIPE, IPC = "notify", "told", "ipc"
CHANNELS = (NOTIFY, PIPE, IPC)
_ATTENTION = 64
"""Messages in a row after which others have their turn."""


def channel_name(cookie: str, channel: str) -> str:
    """Name a channel in the fd store, so that the next daemon finds it."""
    return f"{channel}={cookie}"


class Voice:
    """The channels of one process, and what has come over them. Times are trio's clock."""

    def __init__(
        self,
        notify: NotifySocket | None = None,
        pipe: int | None = None,
        channel: Channel | None = None,
        *,
        access: Access = Access.ALL,
        watchdog: float = 0.0,
    ) -> None:
        self.told: set[str] = set()
        """The signs of readiness that it has given."""
        self.status = ""
        self.stopping = self.triggered = False
        self.broken: dict[str, str] = {}
        """Of the signs that it can give no more, why."""
        self.watchdog = self._given_watchdog = watchdog
        self.heard_at = 0.0
        self.extended = 0.0
        """Until when it wants to be waited for."""
        self.on_told: Callable[[], None] = _nothing
        """Called when that is to be remembered."""
        self.remark: Callable[[str], None] = _nobody
        """Takes in what is worth an event."""
        self.mask: Callable[[bytes], bytes] = bytes
        """Takes secrets out of what it says."""
        self._notify = notify
        self._pipe = pipe
        self._channel = channel
        self._access = access
        self._cookie = ""
        self._leader: Identity | None = None
        self._alarm = trio.Event()
        self._strangers: set[int] = set()

    @classmethod
    def adopt(cls, service: Service, cookie: str, inherited: dict[str, list[int]]) -> "Voice":
        """Take what is left of the channels of a process that an earlier daemon started."""
        fds = {name: inherited.pop(channel_name(cookie, name), []) for name in CHANNELS}
        said = service.readiness
        voice = cls(
            NotifySocket.at(fds[NOTIFY][0]) if fds[NOTIFY] else None,
            fds[PIPE][0] if fds[PIPE] else None,
            Channel.at(fds[IPC][0]) if fds[IPC] else None,
            access=said.notify or Access.ALL,
            watchdog=said.watchdog if fds[NOTIFY] else 0.0,
        )
        for means, name in ((Means.NOTIFY, NOTIFY), (Means.FD, PIPE), (Means.IPC, IPC)):
            if said.awaits(means) and not fds[name]:
                voice.broken[means] = "what it would tell it over was lost with the keeper"
        return voice

    @property
    def notifies(self) -> bool:
        """Whether it has a NOTIFY_SOCKET."""
        return self._notify is not None

    def belong(self, leader: Identity, cookie: str) -> None:
        """Take in whose voice it is."""
        self._leader, self._cookie = leader, cookie

    @property
    def said(self) -> Said:
        """What the next daemon has to know, as it will not hear it."""
        changed = self.watchdog != self._given_watchdog
        return Said(
            tuple(sorted(self.told)),
            self.status,
            self.stopping,
            self.watchdog if changed else None,
        )

    def recall(self, said: Said) -> None:
        """Take in what the daemon before has heard."""
        self.told |= set(said.told)
        self.status, self.stopping = said.status, said.stopping
        if said.watchdog is not None and self.notifies:
            self.watchdog = said.watchdog

    def keep(self, store: FdStore) -> None:
        """Have the channels survive this daemon."""
        for name, fd in self._descriptors():
            store.push(channel_name(self._cookie, name), fd)

    def expect(
        self,
        patterns: Iterable[str],
        cookie: str,
        expect: Callable[[str, re.Pattern[str], Callable[[], None]], None],
    ) -> None:
        """Have its output looked through for these, from the first line on."""
        for each in patterns:
            sign = Check(Means.LOG, pattern=each).sign
            expect(cookie, re.compile(each), partial(self._tell, sign))

    async def listen(self) -> None:
        """Take in what comes, until cancelled or all channels have ended."""
        async with trio.open_nursery() as nursery:
            if self._notify is not None:
                nursery.start_soon(self._hear_notices, self._notify)
            if self._pipe is not None:
                nursery.start_soon(self._hear_pipe, self._pipe)
            if self._channel is not None:
                nursery.start_soon(self._hear_channel, self._channel)

    async def until_told(self, check: Check) -> None:
        """Return once it has said so by the means of `check`."""
        await self.until(lambda: check.sign in self.told)

    async def grant(self, scope: trio.CancelScope) -> None:
        """Move the deadline of `scope` as EXTEND_TIMEOUT_USEC asks for, until cancelled."""
        while True:
            await self.until(lambda: self.extended > scope.deadline)
            scope.deadline = self.extended

    async def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as `condition` holds; it is asked after each change here."""
        while not condition():
            await self._alarm.wait()

    async def until_silent(self, since: float) -> str:
        """Return why it is taken for hung, once its watchdog says so; `since` then it counts."""
        while not self.triggered:
            if not self.watchdog:
                await self.until(lambda: self.watchdog or self.triggered)
                continue
            watchdog, due = self.watchdog, max(since, self.heard_at) + self.watchdog
            with trio.move_on_at(due):
                await self._until_changed(watchdog)
            self.hear_waiting()  # what came while we slept, too
            if not self.triggered and trio.current_time() >= max(since, self.heard_at) + watchdog:
                return f"no WATCHDOG=1 for {watchdog:g} s"
        return "it said WATCHDOG=trigger"

    async def _until_changed(self, watchdog: float) -> None:
        await self.until(lambda: self.triggered or self.watchdog != watchdog)

    def shut_down(self) -> bool:
        """Send Node's `shutdown`; False where it cannot be."""
        return self._channel is not None and self._channel.send(nodeipc.SHUTDOWN)

    def close(self, store: FdStore | None = None) -> None:
        """Let go of the channels, here and in the store."""
        if store is not None:
            for name, _ in self._descriptors():
                store.remove(channel_name(self._cookie, name))
        if self._notify is not None:
            self._notify.close()
        if self._channel is not None:
            self._channel.close()
        if self._pipe is not None:
            os.close(self._pipe)
        self._notify = self._channel = self._pipe = None

    def hear_waiting(self) -> bool:
        """Take in the notices that have come; return whether there may be more."""
        for _ in range(_ATTENTION):
            datagram = self._notify.receive() if self._notify is not None else None
            if datagram is None:
                return False
            self._hear(datagram)
        return True

    async def _hear_notices(self, notify: NotifySocket) -> None:
        while True:
            await notify.wait()
            while self.hear_waiting():
                await trio.lowlevel.checkpoint()

    def _hear(self, datagram: Datagram) -> None:
        try:
            if self._counts(datagram.sender):
                self.take(parse(self.mask(datagram.text)))
        finally:
            for fd in datagram.fds:  # BARRIER=1 waits for that
                os.close(fd)

    def _counts(self, sender: int | None) -> bool:
        leader = self._leader
        if sender is None or leader is None or sender == leader.pid:
            return True
        if self._access is Access.ALL and tree.holds(leader, self._cookie, sender):
            return True
        if sender not in self._strangers and len(self._strangers) < _ATTENTION:
            self._strangers.add(sender)
            whose = "main process" if self._access is Access.MAIN else "tree, or has ended"
            self.remark(f"pid {sender} has notified, and is not of its {whose}: not heard")
        return False

    def take(self, notice: Notice) -> None:
        """Take in what a notice says."""
        now = trio.current_time()
        if notice.ready:
            self._tell(Means.NOTIFY)
        if notice.reloading:
            self.remark("it reloads by itself (RELOADING=1)")
        if notice.status is not None:
            self.status = notice.status
        if notice.main_pid and self._leader and notice.main_pid != str(self._leader.pid):
            self.remark(f"MAINPID={notice.main_pid[:20]} is ignored: a worker is its first process")
        if notice.alive:
            self.heard_at = now
        if notice.watchdog is not None and notice.watchdog != self.watchdog:
            self.watchdog, self.heard_at = notice.watchdog, now
        if notice.extend:
            self.extended = now + notice.extend
        if notice.stopping and not self.stopping:
            self.stopping = True
            self.on_told()
        self.triggered = self.triggered or notice.trigger
        if not notice.alive:
            self._ring()

    async def _hear_pipe(self, pipe: int) -> None:
        """Wait for a line end, s6's way; it stays open, so that nobody dies who writes more."""
        while self._may_tell(Means.FD):
            await trio.lowlevel.wait_readable(pipe)
            with suppress(BlockingIOError):
                said = os.read(pipe, 4096)
                if b"\n" in said:
                    self._tell(Means.FD)
                elif not said:
                    self._cannot_tell(Means.FD, "it closed the descriptor without a line end")

    async def _hear_channel(self, channel: Channel) -> None:
        while True:
            await channel.wait()
            messages = channel.receive()
            if messages is None:
                break
            if nodeipc.READY in messages:
                self._tell(Means.IPC)
        if self._may_tell(Means.IPC):
            self._cannot_tell(Means.IPC, "it closed the IPC channel without process.send('ready')")

    def _tell(self, sign: str) -> None:
        if sign not in self.told:
            self.told.add(sign)
            self.on_told()
            self._ring()

    def _may_tell(self, sign: str) -> bool:
        return sign not in self.told and sign not in self.broken

    def _cannot_tell(self, sign: str, reason: str) -> None:
        self.broken[sign] = reason
        self._ring()

    def _ring(self) -> None:
        self._alarm.set()
        self._alarm = trio.Event()

    def _descriptors(self) -> list[tuple[str, int]]:
        found = []
        if self._notify is not None:
            found.append((NOTIFY, self._notify.fileno()))
        if self._pipe is not None:
            found.append((PIPE, self._pipe))
        if self._channel is not None:
            found.append((IPC, self._channel.fileno()))
        return found


def _nothing() -> None:
    pass


def _nobody(_: str) -> None:
    pass
