"""How adopted processes ended: the keeper is their parent, and tells it over a pipe."""

import contextlib

import trio

from webqx_supervisor.model.exits import Exit

PATIENCE = 0.5
"""How long, in seconds, to wait for the keeper's word; systemd as the keeper sends none."""
REMEMBERED = 1000


class Orphans:
    """Reads `pid status` lines for as long as the keeper lives."""

    def __init__(self) -> None:
        self._ended: dict[int, Exit] = {}
        self._alarm = trio.Event()
        self._listening = False

    async def listen(self, pipe: int) -> None:
        """Read the keeper's reports from the descriptor `pipe`; owns it."""
        self._listening = True
        rest = b""
        async with trio.lowlevel.FdStream(pipe) as stream:
            async for data in stream:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._saw(line)
        self._listening = False

    async def exit_of(self, pid: int) -> Exit:
        """Return how the process ended; an unknown Exit where nobody could tell."""
        with trio.move_on_after(PATIENCE if self._listening else 0):
            while pid not in self._ended:
                await self._alarm.wait()
        return self._ended.pop(pid, Exit())

    def _saw(self, line: bytes) -> None:
        with contextlib.suppress(ValueError):
            pid, status = map(int, line.split())
            self._ended[pid] = Exit.from_wait_status(status)
            while len(self._ended) > REMEMBERED:  # grandchildren that nobody asks about
                del self._ended[next(iter(self._ended))]
        self._alarm.set()
        self._alarm = trio.Event()
