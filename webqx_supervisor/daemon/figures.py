"""Ask all proxies how much they have in flight and have answered, and hear who is silent."""

from collections.abc import Iterable, Sequence

import trio

from webqx_supervisor.daemon.proxy import Proxy, say
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.link import Ask, Count, Report

ANSWER_TIME = 0.25
"""How long, in seconds, a proxy may take to send its figures."""


class Figures:
    """What the `running` proxies know; `first` is above every ticket that earlier daemons used."""

    def __init__(self, running: Sequence[Proxy], registry: Registry, first: int) -> None:
        self._running = running
        self._registry = registry
        self._tickets = first
        self._silences: dict[str, trio.Event] = {}

    async def traffic(self, upstream: str) -> tuple[int, int]:
        """Return (in flight, answered) of one upstream over all proxies."""
        counts = [
            count
            for report in await self.reports()
            for count in report.counts
            if count.upstream == upstream
        ]
        return sum(c.in_flight for c in counts), sum(c.answered for c in counts)

    async def silence(self, upstream: str) -> None:
        """Return when a proxy says from now on that it is silent while requests wait for it."""
        said = self._silences[upstream] = trio.Event()
        try:
            await said.wait()
        finally:
            del self._silences[upstream]

    async def counts(self) -> tuple[Count, ...] | None:
        """Return the figures of all proxies, None if one of them gave none."""
        reports, complete = await self.survey()
        return tuple(c for report in reports for c in report.counts) if complete else None

    async def survey(self) -> tuple[list[Report], bool]:
        """Return the reports of the proxies, and whether every one of them gave one."""
        reports = await self.reports()
        return reports, len(reports) >= len(self._running)

    async def reports(self) -> list[Report]:
        """Ask all proxies for their figures; those that are too slow are left out."""
        self._tickets += 1
        ticket = self._tickets
        asked = list(self._running)

        def silent() -> list[Proxy]:
            return [each for each in asked if each.report is None or each.report.ticket < ticket]

        with trio.move_on_after(ANSWER_TIME):
            async with trio.open_nursery() as nursery:
                for proxy in asked:
                    nursery.start_soon(say, proxy, Ask(ticket))
                await self._registry.until(lambda: not set(silent()) & set(self._running))
                nursery.cancel_scope.cancel()
        return [proxy.report for proxy in asked if proxy.report and proxy not in silent()]

    def are_silent(self, upstreams: Iterable[str]) -> None:
        """Take in that a proxy says so of these."""
        for each in self._silences.keys() & set(upstreams):
            self._silences[each].set()
