"""Follow log files from trio: their last lines, and what comes after."""

import functools
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Protocol

import trio

from webqx_supervisor.process.reading import BLOCK, Reader, merged, open_all

# Threads of their own, so that readers on a slow disk never take those that start processes.
_off_loop = functools.partial(trio.to_thread.run_sync, limiter=trio.CapacityLimiter(10))

Find = Callable[[], Mapping[Path, str]]


class Changed(Protocol):
    """Tells when it is worth looking again."""

    async def wait(self) -> None:
        """Return when something was written since the last return."""


async def follow(
    find: Find, changed: Changed, n: int = 0, attached: Callable[[], int] = lambda: 0, now: str = ""
) -> AsyncGenerator[bytes, None]:
    """Yield the last `n` lines of some log files, then without gap what is written to them.

    Yields blocks of whole lines, each line with its file's label before it, for ever. Reads at
    the pace of the consumer; one that is slower than rotation misses what was deleted meanwhile.
    `find` gives the files; it is asked again when `attached` has changed, and of a file that is
    new then, what was written since `now` is read.
    """
    seen = attached()
    readers = await _off_loop(open_all, find())
    try:
        if first := await _off_loop(merged, readers, n):
            yield b"".join(first)
        while True:
            blocks = await _off_loop(_read_some, readers)
            for block in filter(None, blocks):
                yield block
            if not any(blocks):
                await changed.wait()
            if seen != attached():
                seen = attached()
                await _off_loop(_add, readers, find(), now.encode())
    finally:
        for reader in readers:
            reader.close()


def _add(readers: deque[Reader], paths: Mapping[Path, str], begin: bytes) -> None:
    known = {reader.path for reader in readers}
    readers.extend(
        Reader.since(label, path, begin) for path, label in paths.items() if path not in known
    )


def _read_some(readers: deque[Reader]) -> list[bytes]:
    """Read from each in turn until there is a good deal; nothing means that all are at the end."""
    blocks: list[bytes] = []
    for _ in range(len(readers)):
        blocks.append(readers[0].labelled(readers[0].read()))
        readers.rotate(-1)
        if sum(map(len, blocks)) >= BLOCK:
            break
    return blocks
