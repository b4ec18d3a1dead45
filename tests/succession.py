"""Two proxies on stages of their own, of which one follows the other."""

import socket
from contextlib import asynccontextmanager

import trio
from stage import Script, ScriptedUpstream, Stage, open_stage

from webqx_supervisor.model.link import Inherit, Leave


class Succession:
    """Two proxies: `old` is to leave, `new` to go on; both serve from the same worker."""

    def __init__(self, old: Stage, new: Stage) -> None:
        self.old = old
        self.new = new

    async def host(self, script: Script) -> ScriptedUpstream:
        """Have this worker, and no other, behind both; return it."""
        worker = await self.old.upstream(script)
        for stage in (self.old, self.new):
            await stage.apply(worker)
        return worker

    async def happens(self) -> None:
        """Have the old one told to leave, and the new one to inherit."""
        leaving, following = socket.socketpair()
        with leaving, following:
            await self.new.link.send(Inherit(), [following.fileno()])
            await self.old.link.send(Leave(20, heir=True), [leaving.fileno()])

    async def is_over(self) -> None:
        with trio.fail_after(20):
            await self.old.has_left.wait()


@asynccontextmanager
async def open_succession(folder):
    for name in ("old", "new"):
        (folder / name).mkdir()
    async with open_stage(folder / "old") as old, open_stage(folder / "new") as new:
        yield Succession(old, new)
