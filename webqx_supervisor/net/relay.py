"""Octets from one channel to another, by splice(2) where the system has it, in bounded memory.

With splice the body never enters this process: socket to pipe to socket, moved by the kernel.
Between two moves the pipe is always empty, so it goes back whenever a wait begins.
"""

from collections.abc import Callable

from webqx_supervisor.net.channel import PIECE, RUN, Channel
from webqx_supervisor.net.pace import Pace
from webqx_supervisor.net.pipe import open_pipe

SPLICE_FROM = 64 * 1024
"""Bodies smaller than this are copied: two copies cost less than two more calls."""


async def relay(
    source: Channel,
    sink: Channel,
    limit: int,
    seconds: tuple[float | Pace, float],
    moved: Callable[[int], None],
) -> bool:
    """Move `limit` octets; return False if `source` ended before. `moved` is told of each piece.

    `seconds` is how long the source may be silent, or the pace that is asked of it, and how long
    the sink may refuse. Raises Stalled and Broken of either channel.
    """
    if limit >= SPLICE_FROM:
        return await _splice(source, sink, limit, seconds, moved)
    return await _copy(source, sink, limit, seconds, moved)


async def _copy(
    source: Channel,
    sink: Channel,
    limit: int,
    seconds: tuple[float | Pace, float],
    moved: Callable[[int], None],
) -> bool:
    patience, write_seconds = seconds
    while limit > 0:
        size = min(PIECE, limit)
        if isinstance(patience, Pace):
            data = await patience.recv(source, size)
        else:
            data = await source.recv(size, patience)
        if not data:
            return False
        await sink.send_all(data, write_seconds)
        limit -= len(data)
        moved(len(data))
    return True


async def _splice(
    source: Channel,
    sink: Channel,
    limit: int,
    seconds: tuple[float | Pace, float],
    moved: Callable[[int], None],
) -> bool:
    patience, write_seconds = seconds
    moves = 0
    while limit > 0:
        if not source.readable:
            if isinstance(patience, Pace):
                await patience.wait(source)
            else:
                await source.wait_readable(patience)
            moves = 0
        elif moves >= RUN:
            await source.yield_turn()
            moves = 0
        moves += 1
        pipe = open_pipe()
        if pipe is None:
            return await _copy(source, sink, limit, seconds, moved)
        try:
            count = pipe.fill(source, limit)
            pipe.spill(sink)
            while pipe.held:
                await sink.wait_writable(write_seconds)
                pipe.spill(sink)
        finally:
            pipe.give_back()
        if count == 0:
            return False
        if count > 0:
            limit -= count
            moved(count)
    return True
