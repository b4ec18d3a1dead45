"""A proxy's life: born with a link, fed with tables, ends when told to, by link or by signal.

Nesting is the order of the end: the doors close first, then the connections get their time, and
the link, which tells of both, goes last. Without the link the last table stays in force.
"""

import logging
import math
import os
import signal
import socket
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import trio

from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.core.wire.websocket import CloseCode
from webqx_supervisor.model.link import (
    Applied,
    Ask,
    Count,
    CountIn,
    Idle,
    Inherit,
    Leave,
    Message,
    Report,
    Share,
    ShareRates,
    Silent,
    TableMessage,
)
from webqx_supervisor.net.rates import Rates
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.sheets import Sheet
from webqx_supervisor.net.tally import Grid
from webqx_supervisor.proxy.accesslog import AccessLog
from webqx_supervisor.proxy.audit import Spool
from webqx_supervisor.proxy.doors import Doors
from webqx_supervisor.proxy.gateway import Gateway
from webqx_supervisor.proxy.handover import Handover
from webqx_supervisor.proxy.inheritance import inherit
from webqx_supervisor.proxy.keyring import prepare
from webqx_supervisor.proxy.spans import Tracer
from webqx_supervisor.proxy.tunnel import FAREWELL
from webqx_supervisor.proxy.upstream import ENDING_TIME, LiveUpstream
from webqx_supervisor.proxy.ways import make_way

SIGNALLED_LEAVE = 30.0
"""s that SIGTERM leaves to what is in flight."""
QUIET = 1.0
"""s after which a connection that has nothing in flight is closed when leaving.

Not at once: a request may just be on its way, and its answer then says that it is the last.
"""

_LOG = logging.getLogger(__name__)


class Proxy:
    """One proxy process, in a nursery of its own."""

    def __init__(self, link: Link, folder: Path, seed: int = 0) -> None:
        self.reactor = Reactor()
        self.gateway = Gateway(
            self.reactor,
            AccessLog(self.reactor, folder),
            self._has_become_idle,
            self._have_been_silent,
            seed,
        )
        self.gateway.tell = self._say
        self.gateway.audit = Spool(self.reactor, folder, self.gateway.log.mark)
        self.gateway.tracer = Tracer(self.reactor)
        self.gateway.make_way = partial(make_way, self.reactor)
        self._doors = Doors(self.gateway)
        self._leave = trio.Event()
        self._leave_timeout = SIGNALLED_LEAVE
        self._leave_code: int = CloseCode.SERVICE_RESTART
        self._handover: Handover | None = None
        self._nursery: trio.Nursery
        self._link = link
        self.reactor.heed(link.fileno())
        # What is to be said is never long, and who says it must not wait.
        self._outbox, self._unsaid = trio.open_memory_channel[Message](math.inf)

    async def run(self) -> None:
        """Serve until told to leave; return when nothing is in flight or the time is over."""
        try:
            await self._serve()
        finally:
            self.gateway.log.flush()
            self.gateway.audit.close()
            self.gateway.tracer.close()

    async def _serve(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self.reactor.run)
            nursery.start_soon(self.gateway.aside.run)
            nursery.start_soon(self._talk)
            nursery.start_soon(self._listen)
            nursery.start_soon(self._heed_signals)
            await self._leave.wait()
            self._doors.close()
            with trio.move_on_after(self._leave_timeout):
                await self._see_clients_off()
            if self.gateway.clients:  # the time is over, also for what has no end
                await self._end_endless()
            if self._handover is not None:
                await self._handover.finish()
            nursery.cancel_scope.cancel()

    async def _see_clients_off(self) -> None:
        gateway = self.gateway

        async def dismiss_the_quiet() -> None:
            self._close_endless()
            for client in gateway.clients:
                if not client.busy and client.task is not None:
                    client.task.hurry(QUIET)

        if self._handover is not None:
            self.reactor.spawn(self._hand_over(self._handover))
            self._nursery.start_soon(self._handover.run)
        else:
            gateway.leaving = True
            self.reactor.spawn(dismiss_the_quiet())
        await gateway.empty()

    async def _end_endless(self) -> None:
        self._close_endless()
        with trio.move_on_after(ENDING_TIME + FAREWELL):
            await self.gateway.empty()

    def _close_endless(self) -> None:
        for upstream in self.gateway.upstreams.all():
            upstream.close_endless(self._leave_code)

    async def _hand_over(self, heir: Handover) -> None:
        """Give every client to the heir: now those who wait, the others after their exchange."""
        self.gateway.heir = heir
        for client in self.gateway.clients:
            if not client.busy and client.task is not None:
                self.reactor.schedule(client.task)  # it sees for itself
        for upstream in self.gateway.upstreams.all():
            for each in upstream.endless():
                each.interrupt()

    async def _listen(self) -> None:
        try:
            while True:
                message, fds = await self._link.receive()
                if isinstance(message, TableMessage) and message.table.credentials:
                    await prepare(message.table.credentials)
                self._obey(message, fds)
        except LinkClosed:
            _LOG.warning("the daemon is gone; the last table stays in force")

    def _obey(self, message: Message, fds: Sequence[int]) -> None:
        if isinstance(message, Share):
            self._share(message.row, *fds)
            return
        if isinstance(message, ShareRates):
            self._share_rates(*fds)
            return
        if isinstance(message, CountIn):
            self._count_in(message.sheet, *fds)
            return
        sockets = [socket.socket(fileno=fd) for fd in fds]
        match message:
            case TableMessage(table, names):
                idle = self.gateway.apply(table)
                self._doors.apply(table.listeners, dict(zip(names, sockets, strict=False)))
                self._say(Applied(table.version))
                if idle:
                    self._say(Idle(tuple(idle)))
            case Ask(ticket):
                self._say(self._report(ticket))
            case Leave(timeout):
                self._leave_timeout, self._leave_code = timeout, message.code
                if message.heir and sockets:
                    self._handover = Handover(self.reactor, Link(sockets[0]))
                self._leave.set()
            case Inherit() if sockets:
                predecessor = Link(sockets[0])
                self._nursery.start_soon(
                    inherit, predecessor, self._link, self.gateway, self._doors
                )
            case _:
                _LOG.warning("not for a proxy: %r", message)

    def _share(self, row: int, fd: int) -> None:
        try:
            self.gateway.upstreams.share(Grid(fd), row)
        except (OSError, ValueError) as error:
            _LOG.warning("counting alone, the shared map is unusable: %s", error)
            os.close(fd)

    def _share_rates(self, fd: int) -> None:
        try:
            self.gateway.limit_together(Rates(fd))
        except (OSError, ValueError) as error:
            _LOG.warning("limiting rates alone, the shared table is unusable: %s", error)
            os.close(fd)

    def _count_in(self, sheet: int, fd: int) -> None:
        try:
            self.gateway.meters.count_in(Sheet.of_proxy(fd, sheet))
        except (OSError, ValueError) as error:
            _LOG.warning("nobody sees what is counted, the map is unusable: %s", error)
        os.close(fd)

    def _report(self, ticket: int) -> Report:
        now, upstreams = time.monotonic(), self.gateway.upstreams.all()  # the reactor may sleep
        return Report(
            ticket=ticket,
            pid=os.getpid(),
            connections=len(self.gateway.clients),
            requests=self.gateway.requests,
            counts=tuple(_count(each, now) for each in upstreams),
            queues=self.gateway.upstreams.queues(),
        )

    def _has_become_idle(self, upstream: str) -> None:
        self._say(Idle((upstream,)))

    def _have_been_silent(self, upstreams: tuple[str, ...]) -> None:
        self._say(Silent(upstreams))

    def _say(self, message: Message) -> None:
        self._outbox.send_nowait(message)

    async def _talk(self) -> None:
        async for message in self._unsaid:
            try:
                await self._link.send(message)
            except LinkClosed:
                _LOG.debug("nobody hears %r", message)

    async def _heed_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                self._leave.set()


def _count(upstream: LiveUpstream, now: float) -> Count:
    silence = upstream.silence
    return Count(
        upstream.id,
        upstream.in_flight,
        upstream.answered,
        silence.waiting,
        silence.seconds(now),
        silence.heard_at,
        silence.is_held(),
        upstream.guard.state if upstream.guard is not None else None,
    )
