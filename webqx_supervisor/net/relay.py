"""Octets from one channel to another, by splice(2) where the system has it, in bounded memory.

With splice the body never enters this process: socket to pipe to socket, moved by the kernel.
Between two moves the pipe is always empty, so it goes back to the pool whenever a wait begins.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from webqx_supervisor.net.channel import PIECE, RUN, Channel, broken
from webqx_supervisor.net.pace import Pace

SPLICE_FROM = 64 * 1024
"""Bodies smaller than this are copied: two copies cost less than two more calls."""

_PIPE_SIZE = 256 * 1024
_PIPES_KEPT = 16
_pipes: list[tuple[int, int]] = []


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
    if sys.platform == "linux" and limit >= SPLICE_FROM:
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


if sys.platform == "linux":
    import fcntl

    _FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK

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
            try:
                pipe = _pipes.pop() if _pipes else _open_pipe()
            except OSError:  # out of descriptors
                return await _copy(source, sink, limit, seconds, moved)
            try:
                count = _fill(source, pipe[1], min(limit, _PIPE_SIZE))
                if count > 0:
                    await _drain(pipe[0], sink, count, write_seconds)
            except BaseException:
                _close_pipe(pipe)  # it may hold octets of this body
                raise
            _put_back(pipe)
            if count == 0:
                return False
            if count > 0:
                limit -= count
                moved(count)
        return True

    def _fill(source: Channel, pipe: int, count: int) -> int:
        """Move octets into an empty pipe; 0 at the end of the source, -1 when none are there."""
        try:
            return os.splice(source.fd, pipe, count, flags=_FLAGS)
        except BlockingIOError:
            source.readable = False
            return -1
        except OSError as error:
            raise broken(source, error) from error

    async def _drain(pipe: int, sink: Channel, count: int, seconds: float) -> None:
        while count > 0:
            try:
                count -= os.splice(pipe, sink.fd, count, flags=_FLAGS)
            except BlockingIOError:
                sink.writable = False
                await sink.wait_writable(seconds)
            except OSError as error:
                raise broken(sink, error) from error

    def _open_pipe() -> tuple[int, int]:
        pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with suppress(OSError):  # the user's share of pipe memory is used up: it stays smaller
            fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        return pipe

    def _put_back(pipe: tuple[int, int]) -> None:
        if len(_pipes) < _PIPES_KEPT:
            _pipes.append(pipe)
        else:
            _close_pipe(pipe)

    def _close_pipe(pipe: tuple[int, int]) -> None:
        os.close(pipe[0])
        os.close(pipe[1])
