"""Why workers died: what is known of each end is put together here and kept on the disk.

The end itself comes from the kernel, the requests in flight come from the proxies, a moment before
or after; so both are kept until they meet.
"""

import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio

from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.core.counting import cause
from webqx_supervisor.core.quarantine import DURATION, Quarantine, may_be_to_blame
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.evidence import Death, LostRequest, Quarantined
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.gateway import worker_id
from webqx_supervisor.model.link import Lost, Survived
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import memory

log = logging.getLogger(__name__)

SAMPLE = 5.0
"""s between two looks at a worker's memory."""
SAMPLES = 13
"""So many make a minute."""
SAVE_AFTER = 0.2
KEPT_OF_ONE = 5
"""Deaths of one worker that are kept."""
KEPT = 200
REQUESTS = 50
"""Requests of one worker that are kept."""
UPSTREAMS = 100
"""Workers of whom lost requests are remembered, dead or not."""
CHANGES = 3
BEFORE = 600.0
"""s for which a change counts as one that came before."""
ASKED = "asked"
"""The kind of event that a command leaves."""


@dataclass(slots=True)
class _Case:
    """What is known of one worker process so far."""

    requests: deque[LostRequest] = field(default_factory=lambda: deque(maxlen=REQUESTS))
    limit: int = 0
    """How many deaths its requests may cause, once it is dead and they may be to blame; or 0."""
    blamed: set[str] = field(default_factory=set)
    """The fingerprints that this death has been counted for: once, however many there were."""


class Evidence:
    """All of one daemon; `path` is the file that outlives it."""

    def __init__(
        self,
        registry: Registry,
        path: Path,
        *,
        wall_clock: Callable[[], float] = time.time,
        kills: Callable[[], int] = memory.kills,
    ) -> None:
        self._registry = registry
        self._path = path
        self._wall_clock = wall_clock
        self._kills = kills
        self._killed = kills()
        self._cases: dict[str, _Case] = {}
        self._memory: dict[int, deque[tuple[float, int]]] = {}
        self._quarantines: dict[str, Quarantine] = {}
        self._refused: list[Quarantined] = []
        self._deaths = _read(path)
        self._news = trio.Event()

    def lost(self, message: Lost) -> None:
        """Take in that a request was in flight at a worker that broke off."""
        case = self._case(message.upstream)
        request = replace(message.request, target=self._registry.mask(message.request.target))
        case.requests.append(request)
        if case.limit:
            self._suspect(message.upstream, request, case.limit)
        self._amend(message.upstream, requests=tuple(case.requests))

    def survived(self, message: Survived) -> None:
        """Take in that a suspect request was answered."""
        if message.service in self._quarantines:
            self._quarantines[message.service].answered(message.fingerprint)
            self._registry.changed()

    def suspects(self, service: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the fingerprints of a service's suspect requests, and of its refused ones."""
        quarantine = self._quarantines.get(service)
        return (quarantine.suspects, quarantine.refused) if quarantine else ((), ())

    def died(
        self, service: Service, instance: int, pid: int, ended: Exit, verdict: str, uptime: float
    ) -> Death:
        """Take in an end that nobody had asked for; return what is known of it at once.

        `verdict` is why the daemon ended it, if it did; `uptime` in s.
        """
        now = self._wall_clock()
        out_of_memory = ended.is_kill and not verdict and self._kills() > self._killed
        self._killed = self._kills()
        text = (
            f"pid {pid} {ended}{' (out of memory)' if out_of_memory else ''} after {uptime:.1f} s"
        )
        upstream = worker_id(service.name, instance, pid)
        case = self._case(upstream)
        if out_of_memory or may_be_to_blame(ended, verdict):
            case.limit = service.restart.quarantine
            for request in case.requests:
                self._suspect(upstream, request, case.limit)
        curve = self._memory.pop(pid, deque())
        death = Death(
            service=service.name,
            instance=instance,
            pid=pid,
            at=now,
            uptime_s=round(uptime, 1),
            text=f"{verdict}; {text}" if verdict else text,
            memory=tuple((round(now - then, 1), octets) for then, octets in curve),
            requests=tuple(case.requests),
            changes=self._changes(now),
            cause=cause(ended, verdict, out_of_memory=out_of_memory),
        )
        self._keep(death)
        return death

    def last_words(self, death: Death, lines: Sequence[str]) -> None:
        """Add to a death what the worker wrote last."""
        upstream = worker_id(death.service, death.instance, death.pid)
        self._amend(upstream, last_lines=tuple(lines))

    def deaths(self, service: str, instance: int | None = None) -> list[Death]:
        """Return what is kept of a service, or of one of its workers; the oldest first."""
        return [
            death
            for death in self._deaths
            if death.service == service and instance in (None, death.instance)
        ]

    def quarantined(self, service: str) -> list[Quarantined]:
        """Return the requests that are refused now."""
        return [each for each in self._refused if each.service == service]

    async def watch(self, memory: Callable[[], Awaitable[Mapping[int, int]]]) -> None:
        """Ask for the memory of all workers from time to time, until cancelled."""
        while True:
            await trio.sleep(SAMPLE)
            self.look(await memory())

    async def keep_saved(self) -> None:
        """Write what is new to the disk, a moment after it came: more comes with it."""
        while True:
            await self._news.wait()
            await trio.sleep(SAVE_AFTER)
            self.save()

    def look(self, memory: Mapping[int, int]) -> None:
        """Take in the octets of each worker by its pid, and let quarantines expire."""
        now, before = self._wall_clock(), self._memory
        self._memory = {}
        for pid, octets in memory.items():
            self._memory[pid] = before.get(pid) or deque(maxlen=SAMPLES)
            self._memory[pid].append((now, octets))
        self._killed = self._kills()
        over = [
            each for quarantine in self._quarantines.values() for each in quarantine.expire(now)
        ]
        if over:
            self._refused = [each for each in self._refused if each.until > now]
            self._registry.changed()

    def _case(self, upstream: str) -> _Case:
        case = self._cases.setdefault(upstream, _Case())
        if len(self._cases) > UPSTREAMS:
            del self._cases[next(iter(self._cases))]
        return case

    def _suspect(self, upstream: str, request: LostRequest, limit: int) -> None:
        blamed = self._case(upstream).blamed
        if request.fingerprint in blamed:
            return
        blamed.add(request.fingerprint)
        service, now = upstream.partition(":")[0], self._wall_clock()
        quarantine = self._quarantines.setdefault(service, Quarantine())
        deaths = quarantine.died(request.fingerprint, now, limit)
        if deaths:
            until = now + DURATION
            self._refused.append(
                Quarantined(
                    service, request.method, request.target, request.fingerprint, deaths, until
                )
            )
            self._registry.tell(
                "quarantined",
                f"{request.method} {request.target} is refused for {DURATION / 60:g} min: "
                f"{deaths} workers in a row died over it",
                service=service,
            )
        self._registry.changed()

    def _changes(self, now: float) -> tuple[str, ...]:
        asked = [
            f"{event.service} {event.text}".strip()
            for event in self._registry.events()
            if event.kind == ASKED and now - event.at < BEFORE
        ]
        return tuple(asked[-CHANGES:])

    def save(self) -> None:
        """Write all to the disk. One that is full costs the record, not the daemon."""
        self._news = trio.Event()
        try:
            plain = [to_plain(death) for death in self._deaths]
            write_atomically(self._path, json.dumps(plain).encode(), durable=False)
        except OSError as error:
            log.warning("cannot keep why workers died in %s: %s", self._path, error)

    def _keep(self, death: Death) -> None:
        same = [each for each in self._deaths if _place(each) == _place(death)]
        dropped = same[: max(0, len(same) + 1 - KEPT_OF_ONE)]
        self._deaths = [*(each for each in self._deaths if each not in dropped), death][-KEPT:]
        self._news.set()

    def _amend(self, upstream: str, **known: Any) -> None:
        """Add to what is kept of the death of this worker, if it has died."""
        for at, death in enumerate(self._deaths):
            if worker_id(death.service, death.instance, death.pid) == upstream:
                self._deaths[at] = replace(death, **known)
                self._news.set()


def _place(death: Death) -> tuple[str, int]:
    return death.service, death.instance


def _read(path: Path) -> list[Death]:
    try:
        return [from_plain(Death, plain) for plain in json.loads(path.read_bytes())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        log.warning("cannot read why workers died from %s: %s", path, error)
        return []
