"""What the table's credentials hold, ready for use; and the wait for a key that is not there yet.

The daemon reads files and fetches what issuers publish. A proxy that meets a token signed by a key
it does not know says so, and waits a moment for the table that brings it.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import trio

from webqx_supervisor.core import signing
from webqx_supervisor.core.credentials import content
from webqx_supervisor.core.refresh import GAP
from webqx_supervisor.model.auth import Credentials, Source, SourceKind
from webqx_supervisor.model.link import KeyMissing, Message
from webqx_supervisor.net.reactor import DeadlinePassed, Reactor, Task

PATIENCE = 2.0
"""s that a request waits for a key that the daemon may bring."""


class Keyring:
    """`version` is another object whenever what is held has changed."""

    def __init__(self, reactor: Reactor, tell: Callable[[Message], None]) -> None:
        self.version = object()
        self._reactor = reactor
        self._tell = tell
        self._credentials: dict[Source, Credentials] = {}
        self._contents: dict[Source, Any] = {}
        self._reasons: dict[Source, str] = {}
        self._asked: dict[Source, tuple[float, int]] = {}
        self._waiting: set[Task] = set()

    def apply(self, credentials: Iterable[Credentials]) -> None:
        """Take over what a table brings; what cannot be read is not there."""
        known, self._credentials = self._credentials, {each.source: each for each in credentials}
        if known == self._credentials:
            return
        self.version = object()
        for source in known.keys() - self._credentials.keys():
            for held in (self._contents, self._reasons, self._asked):
                held.pop(source, None)
        for source, each in self._credentials.items():
            before = known.get(source)
            if before is None or (before.text, before.reason) != (each.text, each.reason):
                self._take(each)
        for task in self._waiting:
            self._reactor.schedule(task)

    def content(self, source: Source) -> Any:
        """Return what a source holds: keys, or who is who by hash; None if it is not there."""
        return self._contents.get(source)

    def reason(self, sources: Iterable[Source]) -> str:
        """Return why the first of these that is not there is not."""
        reasons = (self._reasons.get(source, "") for source in sources)
        return next(filter(None, reasons), "not read yet")

    def may_come(self, sources: Collection[Source]) -> bool:
        """Say whether waiting for a new key makes sense; ask for it unless that was done just now.

        It does while the daemon tries: it is asked once in GAP seconds, so that whoever sends
        tokens with names out of the air is refused at once.
        """
        now, hope = self._reactor.now, False
        for source in sources:
            if source.kind is not SourceKind.KEYS or source not in self._credentials:
                continue
            tries = self._credentials[source].tries
            at, then = self._asked.get(source, (-GAP, -1))
            if now - at >= GAP:
                self._asked[source] = at, then = now, tries
                self._tell(KeyMissing(source))
            hope = hope or (tries == then and now - at < PATIENCE)
        return hope

    async def change(self, seconds: float) -> None:
        """Wait until a table brings other credentials, at most for so long."""
        task, version = self._reactor.current, self.version
        until = self._reactor.now + seconds
        self._waiting.add(task)
        try:
            while version is self.version and self._reactor.now < until:
                await self._reactor.wait(until - self._reactor.now)
        except DeadlinePassed:
            pass
        finally:
            self._waiting.discard(task)

    def _take(self, credentials: Credentials) -> None:
        source = credentials.source
        before = self._contents.pop(source, None)
        self._reasons[source] = credentials.reason
        if not credentials.text:
            return
        try:
            self._contents[source] = content(source, credentials.text)
        except ValueError as error:
            self._reasons[source] = str(error)
            if source.is_remote and before is not None:  # an issuer's slip; the last keys stay
                self._contents[source] = before


async def prepare(credentials: Iterable[Credentials]) -> None:
    """Load what these need, in a thread: the connections are not to wait for it. For trio."""
    kinds = {each.source.kind for each in credentials}
    if kinds & {SourceKind.KEYS, SourceKind.SECRET} and not signing.is_loaded():
        await trio.to_thread.run_sync(signing.load)
