"""Read log files that are being written and rotated: their last lines, and what comes after.

A reader holds its place by the file it has open, not by name: rotation renames the file under
it, and the next one to read is the one that the writer began after it.
"""

import contextlib
import functools
import heapq
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Protocol

import trio

from webqx_supervisor.process.logfile import rotated

BLOCK = 128 * 1024  # more than the longest line that process.lines lets through
_STAMP = len("2026-11-23T21:10:00.123Z")

# Threads of their own, so that readers on a slow disk never take those that start processes.
_off_loop = functools.partial(trio.to_thread.run_sync, limiter=trio.CapacityLimiter(10))


class Changed(Protocol):
    """Tells when it is worth looking again."""

    async def wait(self) -> None:
        """Return when something was written since the last return."""


def last_lines(paths: Mapping[str, Path], n: int) -> list[bytes]:
    """Return the last `n` lines of some log files together, ordered by their stamps.

    `paths` gives each log file the label that stands before its lines. Rotated files are read
    as far as needed. Each line ends in a line end.
    """
    readers = _readers(paths)
    try:
        return _merged(readers, n)
    finally:
        for reader in readers:
            reader.close()


async def follow(
    paths: Mapping[str, Path], changed: Changed, n: int = 0
) -> AsyncGenerator[bytes, None]:
    """Yield the last `n` lines of some log files, then without gap what is written to them.

    Yields blocks of whole lines, each line with its file's label before it, for ever. Reads at
    the pace of the consumer; one that is slower than rotation misses what was deleted meanwhile.
    """
    readers = await _off_loop(_readers, paths)
    try:
        if first := await _off_loop(_merged, readers, n):
            yield b"".join(first)
        while True:
            blocks = await _off_loop(_read_some, readers)
            for block in filter(None, blocks):
                yield block
            if not any(blocks):
                await changed.wait()
    finally:
        for reader in readers:
            reader.close()


class _Reader:
    """A place in the sequence of files that one log is; it begins at the end of the newest."""

    def __init__(self, label: str, path: Path) -> None:
        self._prefix = label.encode()
        self._path = path
        self._file = _open(path)
        self._place = 0 if self._file is None else _last_line_end(self._file)

    def read(self) -> bytes:
        """Return the next whole lines, labelled; nothing when the writer has not got further."""
        if self._file is None:
            self._file = _open(self._path)
        while self._file is not None:
            # Looked up before reading: what is read then at the end of an old file is its end.
            successor = self._successor()
            if lines := self._read_lines():
                _close(successor)
                return self.labelled(lines)
            if successor is None:
                break
            self.close()
            self._file, self._place = successor, 0
        return b""

    def last(self, n: int) -> list[bytes]:
        """Return the last `n` lines before this place, as they are in the files, oldest first."""
        if n <= 0:
            return []
        lines: list[bytes] = []
        if self._file is not None:
            lines = _last_of(self._file, self._place, n)
        for older in self._older():
            if len(lines) >= n:
                break
            size = os.fstat(older).st_size
            lines = _last_of(older, size, n - len(lines)) + lines
        return lines

    def labelled(self, lines: bytes) -> bytes:
        """Put the label before each line."""
        if not self._prefix:
            return lines
        return self._prefix + lines[:-1].replace(b"\n", b"\n" + self._prefix) + lines[-1:]

    def close(self) -> None:
        """Let go of the open file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _read_lines(self) -> bytes:
        assert self._file is not None
        if os.fstat(self._file).st_size < self._place:  # somebody emptied it
            self._place = 0
        block = os.pread(self._file, BLOCK, self._place)
        cut = block.rfind(b"\n") + 1
        if cut == 0 and len(block) == BLOCK:
            self._place += BLOCK
            return block + b"\n"
        self._place += cut
        return block[:cut]

    def _successor(self) -> int | None:
        """Open the file that the writer began after ours; None while ours is the newest."""
        newer = _open(self._path)
        if newer is None or self._is_ours(newer):  # None: rotation is half done
            _close(newer)
            return None
        number = 1
        while (older := _open(rotated(self._path, number))) is not None:
            if self._is_ours(older):
                break
            os.close(newer)
            newer, number = older, number + 1
        _close(older)  # None when ours has been deleted: then the oldest that is left comes next
        return newer

    def _is_ours(self, other: int) -> bool:
        assert self._file is not None
        return os.path.sameopenfile(self._file, other)

    def _older(self) -> Iterator[int]:
        """Yield the files before ours, newest first, each open until the next is asked for."""
        for number in count(1):
            older = _open(rotated(self._path, number))
            if older is None:
                return
            try:
                if self._file is None or not self._is_ours(older):
                    yield older
            finally:
                os.close(older)


def _readers(paths: Mapping[str, Path]) -> deque[_Reader]:
    return deque(_Reader(label, path) for label, path in paths.items())


def _read_some(readers: deque[_Reader]) -> list[bytes]:
    """Read from each in turn until there is a good deal; nothing means that all are at the end."""
    blocks: list[bytes] = []
    for _ in range(len(readers)):
        blocks.append(readers[0].read())
        readers.rotate(-1)
        if sum(map(len, blocks)) >= BLOCK:
            break
    return blocks


def _merged(readers: Iterable[_Reader], n: int) -> list[bytes]:
    labelled = [
        [(line[:_STAMP], reader.labelled(line)) for line in reader.last(n)] for reader in readers
    ]
    merged = heapq.merge(*labelled, key=lambda stamped: stamped[0])
    return [line for _, line in list(merged)[-n:]] if n > 0 else []


def _last_of(file: int, end: int, n: int) -> list[bytes]:
    """Return the last `n` lines of `file` before the offset `end`."""
    blocks: list[bytes] = []
    ends = 0
    while end > 0 and ends <= n:
        begin = max(end - BLOCK, 0)
        blocks.insert(0, os.pread(file, end - begin, begin))
        ends += blocks[0].count(b"\n")
        end = begin
    lines = b"".join(blocks).removesuffix(b"\n").split(b"\n")
    return [line + b"\n" for line in lines[-n:]] if blocks else []


def _last_line_end(file: int) -> int:
    """Return the offset behind the last whole line: a write may be under way."""
    size = os.fstat(file).st_size
    begin = max(size - BLOCK, 0)
    return begin + os.pread(file, size - begin, begin).rfind(b"\n") + 1


def _open(path: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


def _close(file: int | None) -> None:
    if file is not None:
        os.close(file)
