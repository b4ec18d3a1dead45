"""Take over what an earlier daemon left running: workers, proxies, their pipes and links.

A process is ours only if pid, start time and boot all match the journal. What is not there any
more is simply started anew by whoever is responsible for it.
"""

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterable

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.daemon.journal import Entries, Order, ProxyEntry, WorkerEntry
from webqx_supervisor.daemon.launch import (
    STREAMS,
    Resources,
    Started,
    collect,
    cookie_of,
    forget,
    stored_name,
)
from webqx_supervisor.daemon.means import clear
from webqx_supervisor.daemon.orphans import Orphans
from webqx_supervisor.daemon.proxies import LAST_REQUESTS
from webqx_supervisor.daemon.proxy import LINK, Proxy
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.voice import CHANNELS, Voice, channel_name
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.gateway import Listener
from webqx_supervisor.model.link import Leave
from webqx_supervisor.model.service import Service, Stop
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process import salvage, spawn, table, tree
from webqx_supervisor.process.identity import Identity, boot_id
from webqx_supervisor.process.lines import Origin
from webqx_supervisor.process.strays import strays

log = logging.getLogger(__name__)


DESCRIPTORS = {"out": 1, "err": 2}
_UNWATCHED = "while the daemon was away"
_PLACE = {WorkerState.RUNNING: 0, WorkerState.STARTING: 1}


class Adoption:
    """One look at the journal and at what the keeper kept, at the daemon's start."""

    def __init__(
        self,
        entries: Entries,
        inherited: dict[str, list[int]],
        orphans: Orphans,
        store: FdStore,
        keeper: int | None = None,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._entries = entries
        self._inherited = inherited
        self._orphans = orphans
        self._same_boot = entries.boot_id == boot_id()

    async def workers(self, services: Services, resources: Resources) -> None:
        """Put every worker that still lives into its service; end those of removed services."""
        known = {supervisor.service.name: supervisor for supervisor in services.all()}
        left = self._strays()  # before any is adopted, and starts what is none
        async with trio.open_nursery() as ending:
            for identity, cookie in left:
                log.warning("pid %d is left of a hook, a probe or a start: killed", identity.pid)
                ending.start_soon(tree.kill_leftovers, identity, cookie)
            # Of two with one number the proven one gets the place, and the other one leaves.
            for entry in sorted(self._entries.workers, key=lambda each: _PLACE.get(each.state, 2)):
                process = self._find(entry.pid, entry.start_time)
                supervisor = known.get(entry.service)
                if supervisor is not None:
                    resources.secrets.recall(supervisor.service, entry.pid)
                if supervisor is not None and process is not None:
                    self._adopt_worker(entry, process, supervisor, resources)
                else:
                    self._silence(entry)
                    if supervisor is not None:
                        self._collect(entry, process, supervisor.service, resources)
                    ending.start_soon(self._end, entry, process, resources)
                    if supervisor is not None:
                        ending.start_soon(self._explain, entry, supervisor.service, resources)
        groups = {entry.cgroup for entry in self._entries.workers}
        cookies = {entry.cookie for entry in self._entries.workers}
        await clear(resources.ground, resources.private, groups, cookies)

    def orders(self) -> tuple[Order, ...]:
        """Return what was asked for by hand; a reboot ends it, and services.toml counts again."""
        return self._entries.orders if self._same_boot else ()

    def proxies(self, sockets: ListeningSockets) -> list[Proxy]:
        """Return the proxies that still live and whose link was kept.

        Others have to go, but the listening sockets that they have go to `sockets` before.
        """
        found = []
        for entry in self._entries.proxies:
            process = self._find(entry.pid, entry.start_time)
            links = self._inherited.pop(entry.link, [])
            if process is None or not links:
                self._abandon(entry, process, links, sockets)
                continue
            link = Link(socket.socket(fileno=links[0]))
            found.append(
                Proxy(process, link, entry.link, _since(entry.start_time), entry.started_at)
            )
        return found

    def handed(self, listeners: Iterable[Listener], sockets: ListeningSockets) -> None:
        """Take the sockets that workers accept on back from them, where nobody else has any."""
        wanted = {each.name: each.binds for each in listeners if each.handed}
        for entry in self._entries.workers:
            if entry.service in wanted and self._same_boot:
                identity = Identity(entry.pid, entry.start_time, self._entries.boot_id)
                kept = salvage.listening_sockets(identity)
                sockets.rescue(kept, only=wanted[entry.service])

    async def close_rest(self) -> None:
        """Let go of the descriptors that nobody has claimed, here and in the store.

        A link among them leads to a proxy that was born in the last instant of the daemon before
        us and is in no journal: it is sent away, since it would follow an old table for ever.
        """
        for name, numbers in self._inherited.items():
            log.warning("nobody claims the stored descriptor %s", name)
            for number in numbers:
                if name.startswith(LINK):
                    await _send_away(Link(socket.socket(fileno=number)))
                else:
                    os.close(number)
            self._store.remove(name)
        self._inherited.clear()

    def _collect(
        self,
        entry: WorkerEntry,
        process: spawn.Process | None,
        service: Service,
        resources: Resources,
    ) -> None:
        origin = Origin(service.name, entry.instance, entry.pid)
        for stream in STREAMS:
            kept = self._inherited.pop(stored_name(entry.cookie, stream), [])
            if not kept and process is not None:
                kept = self._salvage(process, entry.cookie, stream)
            for number in kept:
                collect(service, origin, entry.cookie, stream, number, resources)

    def _strays(self) -> list[tuple[Identity, str]]:
        known = {entry.cookie for entry in self._entries.workers}
        unclaimed = {cookie_of(name) for name in self._inherited} - known - {""}
        return strays(known, self._keeper, unclaimed)

    def _silence(self, entry: WorkerEntry) -> None:
        """Let go of what a process was heard over that has no place any more."""
        for channel in CHANNELS:
            name = channel_name(entry.cookie, channel)
            for number in self._inherited.pop(name, []):
                os.close(number)
                self._store.remove(name)

    def _salvage(self, process: spawn.Process, cookie: str, stream: str) -> list[int]:
        """Read on where nobody reads any more: else whatever the worker writes fails."""
        reading = salvage.reading_end(process.pid, DESCRIPTORS[stream])
        if reading is None:
            return []
        self._store.push(stored_name(cookie, stream), reading)
        return [reading]

    async def _end(
        self, entry: WorkerEntry, process: spawn.Process | None, resources: Resources
    ) -> None:
        """End what has no place any more, or the rest of what ended meanwhile; keep its words."""
        identity = Identity(entry.pid, entry.start_time, self._entries.boot_id)
        if process is not None:
            await tree.end(identity, entry.cookie, signal.SIGTERM, Stop().grace, entry.cgroup)
        await tree.kill_leftovers(identity, entry.cookie, entry.cgroup)
        await forget(entry.cookie, resources)

    async def _explain(self, entry: WorkerEntry, service: Service, resources: Resources) -> None:
        """Keep that a worker died while no daemon watched, unless it was to leave."""
        if not self._same_boot or entry.state not in _PLACE:
            return
        ended = await self._orphans.exit_of(entry.pid)
        uptime = table.age(entry.start_time)
        evidence = resources.evidence
        death = evidence.died(service, entry.instance, entry.pid, ended, _UNWATCHED, uptime)
        evidence.last_words(death, resources.output.tail(entry.cookie))

    def _adopt_worker(
        self,
        entry: WorkerEntry,
        process: spawn.Process,
        supervisor: Supervisor,
        resources: Resources,
    ) -> None:
        voice = Voice.adopt(supervisor.service, entry.cookie, self._inherited)
        voice.belong(process.identity, entry.cookie)
        voice.recall(entry.said)
        if entry.state is WorkerState.STARTING:
            patterns = supervisor.service.readiness.patterns
            voice.expect(patterns, entry.cookie, resources.output.expect)
        self._collect(entry, process, supervisor.service, resources)
        since = _since(entry.start_time)
        started = Started(process, entry.cookie, since, entry.started_at, entry.cgroup, voice)
        worker = Worker(supervisor.service, entry.instance, entry.port, resources)
        worker.adopt(started, entry)
        supervisor.adopt(worker)
        log.info("adopted %s", worker)

    def _find(self, pid: int, start_time: int) -> spawn.Process | None:
        if not self._same_boot:
            return None
        identity = Identity(pid, start_time, self._entries.boot_id)
        return spawn.adopt(identity, self._orphans.exit_of)

    def _abandon(
        self,
        entry: ProxyEntry,
        process: spawn.Process | None,
        links: list[int],
        sockets: ListeningSockets,
    ) -> None:
        for number in links:
            os.close(number)
        self._store.remove(entry.link)
        if process is not None:
            log.warning("proxy %d has lost its link; it drains and ends", entry.pid)
            sockets.rescue(salvage.listening_sockets(process.identity))
            process.send_signal(signal.SIGTERM)


def _since(start_time: int) -> float:
    """Turn the start time of a process into trio's clock; the wall clock may have been set."""
    return trio.current_time() - table.age(start_time)


async def _send_away(link: Link) -> None:
    with link, contextlib.suppress(LinkClosed):
        await link.send(Leave(LAST_REQUESTS))
