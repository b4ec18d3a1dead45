"""For how many more workers of a service there is memory: the reading, for core.headroom."""

from collections.abc import Callable, Sequence

import trio

from webqx_supervisor.core.headroom import Memory, Room, room
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process import memory, treeusage

Look = Callable[[], tuple[int, int]]


async def room_beside(
    workers: Sequence[Worker], known: int = 0, look: Look = memory.headroom
) -> Room:
    """Return for how many more there is room; each takes what is `known`, or the biggest does."""
    alive = [(worker.state, worker.started) for worker in workers if worker.started]
    trees = [(started.process.identity, started.cookie) for _, started in alive]

    def read() -> tuple[Memory, list[int]]:
        sizes = [used.rss_bytes for used in treeusage.of_trees(trees)] if trees else []
        return Memory(*look()), sizes

    now, sizes = await trio.to_thread.run_sync(read)
    ready: list[int] = []
    coming = [0] * (len(workers) - len(alive))
    for (state, _), size in zip(alive, sizes, strict=True):
        (ready if state is WorkerState.RUNNING else coming).append(size)
    return room(now, ready, coming, known)


async def warning(workers: Sequence[Worker], more: int) -> str:
    """Return what a person is told who has asked for so many more; "" if there is room."""
    found = await room_beside(workers)
    return "" if more <= found.workers else f"the machine may swap: {found.text}"
