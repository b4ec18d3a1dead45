"""Has an exporter run while there is tracing: a process of its own, of which nothing else hangs."""

import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import trio

from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.tracing import Told, Tracing

PROGRAM = (sys.executable, "-P", "-m", "webqx_supervisor.exporter")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""s between the end of an exporter and the start of the next; doubled while they live shorter."""
LAST_WORDS = 5.0
"""s that one may take to send what it has, once it is to end."""

log = logging.getLogger(__name__)


class Exporting:
    """Whatever `follow` was told last, while `run` runs; the spans come to the socket at `path`."""

    def __init__(self, registry: Registry, path: str, program: Sequence[str] = PROGRAM) -> None:
        self.path = path
        self._program = program
        self._registry = registry
        self._wanted: Tracing | None = None
        self._told = trio.Event()
        self._problem = ""

    def follow(self, wanted: Tracing | None) -> None:
        """Send spans there from now on; None: nowhere."""
        if wanted != self._wanted:
            self._wanted = wanted
            self.restart()

    def restart(self) -> None:
        """Have another exporter take the place of this one, and make its socket anew."""
        self._told.set()

    async def run(self) -> None:
        """Keep an exporter running until cancelled; what it has is sent then."""
        while True:
            self._told = trio.Event()
            async with trio.open_nursery() as nursery:
                if self._wanted is not None:
                    nursery.start_soon(self._keep_going, self._wanted)
                await self._told.wait()
                nursery.cancel_scope.cancel()

    async def _keep_going(self, tracing: Tracing) -> None:
        pause = FIRST_PAUSE
        while True:
            began = trio.current_time()
            try:
                await self._export(tracing)
            except OSError as error:
                self._fails(f"no exporter: {error}")
            if trio.current_time() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _export(self, tracing: Tracing) -> None:
        """Run one exporter to its end. Raises OSError."""
        process = await trio.lowlevel.open_process(
            [*self._program, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None, "it is a pipe"
        assert process.stdout is not None, "it is a pipe"
        log.info("exporter pid %d", process.pid)
        try:
            with suppress(trio.BrokenResourceError):
                await process.stdin.send_all(json.dumps(to_plain(tracing)).encode() + b"\n")
            async for told in _lines(process.stdout):
                self._hear(tracing, told)
            await process.wait()
            if not self._problem:
                self._fails(f"the exporter ended with {process.returncode}")
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)

    def _hear(self, tracing: Tracing, told: Told) -> None:
        if told.failing:
            self._fails(f"no spans go to {tracing.endpoint}: {told.failing}")
            return
        self._problem = ""
        lost = f"; {told.lost} are lost" if told.lost else ""
        self._registry.tell("tracing", f"spans go to {tracing.endpoint}{lost}")

    def _fails(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._registry.tell("tracing", problem)


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[Told]:
    rest = b""
    async for data in stream:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                yield from_plain(Told, json.loads(line))
            except (ValueError, TypeError):  # a library's own words, perhaps
                log.warning("the exporter says %r", line)


async def _end(process: trio.Process) -> None:
    assert process.stdin is not None, "it is a pipe"
    await process.stdin.aclose()
    with trio.move_on_after(LAST_WORDS):
        await process.wait()
        return
    log.warning("the exporter did not end in %g s", LAST_WORDS)
    process.kill()
    await process.wait()
