"""What routes need to know of who asks: secrets, passwords, keys, read here for all proxies.

They are kept in memory and told to the proxies by the link; only what issuers publish for everybody
is written down, so that the next daemon has it at once.
"""

import json
import logging
import os
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import trio

from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.core.credentials import LONGEST, read, sources
from webqx_supervisor.core.refresh import Refresh
from webqx_supervisor.daemon.keyfetch import Fetched, FetchFailed
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.auth import Credentials, Source, SourceKind
from webqx_supervisor.model.gateway import Route

log = logging.getLogger(__name__)

REMEMBERED_FOR = 24 * 3600.0
"""s for which fetched keys are good for a daemon that starts."""
KIND = "keys"
"""What such events are called."""


class CanFetch(Protocol):
    """What fetches keys."""

    async def fetch(self, address: str) -> Fetched:
        """Return the keys at an address. Raises FetchFailed."""


@dataclass(slots=True)
class _Held:
    """One source. `woken` is set when its next reading may be due earlier than it was."""

    credentials: Credentials
    refresh: Refresh = field(default_factory=Refresh)
    fetched_at: float = 0.0  # Unix time
    woken: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class CredentialStore:
    """`path` is where fetched keys are remembered."""

    def __init__(
        self,
        registry: Registry,
        fetcher: CanFetch,
        path: Path,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._fetcher = fetcher
        self._path = path
        self._wall_clock = wall_clock
        self._held: dict[Source, _Held] = {}
        self._nursery: trio.Nursery | None = None

    @property
    def current(self) -> tuple[Credentials, ...]:
        """What the table is to bring."""
        return tuple(held.credentials for held in self._held.values())

    def follow(self, routes: Iterable[Route]) -> None:
        """Read anew what is on this machine, and have fetched what is not, for these routes."""
        wanted = sources(routes)
        for source in self._held.keys() - set(wanted):
            self._held.pop(source).scope.cancel()
        remembered = self._remembered() if any(each.is_remote for each in wanted) else {}
        for source in wanted:
            if source not in self._held:
                self._held[source] = _Held(Credentials(source))
                if source.is_remote:
                    self._recall(self._held[source], remembered)
                self._keep(source)
            if not source.is_remote:
                self._read(source)
        self._held = {source: self._held[source] for source in wanted}

    def key_missing(self, source: Source) -> None:
        """Take in that a token names a key that a source did not have when it was read last."""
        held = self._held.get(source)
        if held is not None and source.kind is SourceKind.KEYS:
            held.refresh = held.refresh.key_missing()
            held.woken.set()

    async def run(self) -> None:
        """Fetch what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for source in self._held:
                self._keep(source)
            await trio.sleep_forever()

    def _keep(self, source: Source) -> None:
        """Have somebody see to it that a source stays fresh; only keys change by themselves."""
        if self._nursery is not None and source.kind is SourceKind.KEYS:
            self._nursery.start_soon(self._keep_fresh, source, self._held[source])

    async def _keep_fresh(self, source: Source, held: _Held) -> None:
        with held.scope:
            while True:
                await self._until_due(source, held)
                if source.is_remote:
                    await self._fetch(source, held)
                else:
                    self._read(source)

    async def _until_due(self, source: Source, held: _Held) -> None:
        while True:
            held.woken = trio.Event()
            due = held.refresh.due_at()
            if not source.is_remote and not held.refresh.missing:
                due = float("inf")  # a file is read again when it is applied, or lacks a key
            if due <= trio.current_time():
                return
            with trio.move_on_at(due):
                await held.woken.wait()

    async def _fetch(self, source: Source, held: _Held) -> None:
        luck = random.random()  # noqa: S311 - spreads load, keeps no secret
        try:
            fetched = await self._fetcher.fetch(source.place)
        except FetchFailed as failure:
            self._failed(source, held, str(failure), luck)
            return
        if held.credentials.text != fetched.text:
            self._registry.tell(KIND, f"new keys from {source.place}")
        elif held.refresh.failures:
            self._registry.tell(KIND, f"the keys of {source.place} can be fetched again")
        held.refresh = held.refresh.fetched(trio.current_time(), fetched.max_age, luck)
        held.fetched_at = self._wall_clock()
        self._took(held, Credentials(source, fetched.text))
        self._remember()

    def _failed(self, source: Source, held: _Held, reason: str, luck: float) -> None:
        """Note a failure; what was fetched before stays good."""
        if not held.refresh.failures:  # one word for a whole row of them
            stays = "; the last ones stay" if held.credentials.text else ""
            self._registry.tell(KIND, f"none from {source.place}: {reason}{stays}")
        held.refresh = held.refresh.failed(trio.current_time(), luck)
        text = held.credentials.text
        self._took(held, Credentials(source, text, "" if text else reason))

    def _read(self, source: Source) -> None:
        """Read what is on this machine; where it cannot be read, nobody passes by it."""
        held = self._held[source]
        name = source.place.removeprefix("file:")
        try:
            text, reason = read(source, _read_text, os.environ), ""
        except ValueError as error:
            text, reason = "", f"{Path(name).name} {error}"
        if held.credentials.tries and (held.credentials.text, held.credentials.reason) != (
            text,
            reason,
        ):
            self._registry.tell(KIND, reason or f"{name} has changed and is taken up")
        elif reason:
            self._registry.tell(KIND, f"{name}: {reason}")
        if self._nursery is not None:
            held.refresh = held.refresh.fetched(trio.current_time(), None, 1.0)
        self._took(held, Credentials(source, text, reason))

    def _took(self, held: _Held, new: Credentials) -> None:
        held.credentials = replace(new, tries=held.credentials.tries + 1)
        self._registry.changed()

    def _recall(self, held: _Held, remembered: dict[str, tuple[float, str]]) -> None:
        at, text = remembered.get(held.credentials.source.place, (0.0, ""))
        if 0 <= self._wall_clock() - at < REMEMBERED_FOR:
            held.fetched_at = at
            held.credentials = replace(held.credentials, text=text)
        else:
            held.credentials = replace(held.credentials, reason="not fetched yet")

    def _remembered(self) -> dict[str, tuple[float, str]]:
        try:
            plain = json.loads(self._path.read_bytes())
            return {str(place): (float(at), str(text)) for place, (at, text) in plain.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("cannot read %s: %s", self._path, error)
            return {}

    def _remember(self) -> None:
        """Write down what was fetched: public keys, nothing else."""
        fetched = {
            source.place: (held.fetched_at, held.credentials.text)
            for source, held in self._held.items()
            if source.is_remote and held.credentials.text
        }
        try:
            write_atomically(self._path, json.dumps(fetched).encode(), durable=False)
        except OSError as error:
            log.warning("cannot write %s: %s", self._path, error)


def _read_text(path: str) -> str:
    """Return a file's text, no more of it than may be there. Raises OSError and ValueError."""
    with Path(path).open("rb") as file:
        return file.read(LONGEST + 1).decode("utf-8")
