"""Reload a service when its files change. The watching itself is done by watchfiles, an extra."""

from collections.abc import Sequence
from pathlib import Path

import trio

from webqx_supervisor.core.ignoring import counts
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.errors import NotReady
from webqx_supervisor.model.service import Kind, Watch

RETRY = 5.0
"""s until it is tried again to watch what cannot be watched: a folder that is being replaced."""
PATIENCE = 10
"""So many times `debounce`, changes that do not come to an end are waited for."""
NAMED = 3
"""So many of the changed files are named."""


class Watching:
    """The watch over the files of one service."""

    def __init__(self, supervisor: Supervisor, registry: Registry) -> None:
        self._supervisor = supervisor
        self._registry = registry

    async def run(self) -> None:
        """Watch until cancelled."""
        files, folders = _sorted(self._supervisor.service.watch.paths)
        # An editor puts a new file in the place of the old one: it is the folder that sees it.
        parents = sorted({str(Path(path).parent) for path in files})
        async with trio.open_nursery() as nursery:
            for roots, places, deep in ((folders, folders, True), (files, parents, False)):
                if roots:
                    nursery.start_soon(self._keep_watching, roots, places, deep)

    async def _keep_watching(self, roots: list[str], places: list[str], deep: bool) -> None:
        complained = ""
        while True:
            try:
                await self._watch(roots, places, deep)
            except (OSError, RuntimeError) as error:  # watchfiles' own are RuntimeErrors
                if str(error) != complained:
                    complained = str(error)
                    self._tell("failed", f"cannot watch {', '.join(places)}: {complained}")
            await trio.sleep(RETRY)

    async def _watch(self, roots: list[str], places: list[str], deep: bool) -> None:
        import watchfiles  # noqa: PLC0415 - an extra, which config/life_clashes.py has asked for

        watch, stop = self._supervisor.service.watch, trio.Event()
        usual = watchfiles.DefaultFilter()
        quiet = max(1, round(watch.debounce * 1000))
        changes = watchfiles.awatch(
            *places,
            watch_filter=lambda change, path: (
                usual(change, path) and counts(path, roots, watch.ignore)
            ),
            debounce=quiet * PATIENCE,
            step=quiet,
            stop_event=stop,
            recursive=deep,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_set_when_cancelled, stop)
            async for changed in changes:
                await self._act(sorted({path for _, path in changed}), watch)
            nursery.cancel_scope.cancel()

    async def _act(self, paths: Sequence[str], watch: Watch) -> None:
        supervisor = self._supervisor
        if supervisor.stopped:
            return
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        names = ", ".join(_short(path, watch) for path in paths[:NAMED])
        self._tell("changed", f"{names}{more}")
        if supervisor.service.kind is Kind.TASK:
            await supervisor.restart()
            return
        try:
            await supervisor.reload()
        except NotReady as error:
            self._tell("failed", f"{error}; the old workers go on")

    def _tell(self, kind: str, text: str) -> None:
        self._registry.tell(kind, text, service=self._supervisor.service.name)


def _short(path: str, watch: Watch) -> str:
    """Return the path as a person names it who knows what is watched."""
    root = next(root for root in watch.paths if Path(path).is_relative_to(root))
    return str(Path(path).relative_to(Path(root).parent))


def _sorted(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files and the folders of these."""
    files = [path for path in paths if Path(path).is_file()]
    return files, [path for path in paths if path not in files]


async def _set_when_cancelled(event: trio.Event) -> None:
    """Have the thread of watchfiles end at once; it does not hear of a cancellation."""
    try:
        await trio.sleep_forever()
    finally:
        event.set()
