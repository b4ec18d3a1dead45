"""Read a log that is being written and rotated, from its files: plain, numbered and compressed.

A reader holds its place by the file it has open, not by name: rotation renames the file under
it, and the next one to read is the one that the writer began after it.
"""

import contextlib
import gzip
import heapq
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Self

from webqx_supervisor.core.loglines import moment
from webqx_supervisor.process.logfile import packed, rotated
from webqx_supervisor.process.packing import packed_of

BLOCK = 128 * 1024  # more than the longest line that process.lines lets through

Keep = Callable[[bytes], bool]


def last_lines(paths: Mapping[Path, str], n: int) -> list[bytes]:
    """Return the last `n` lines of some log files together, ordered by their stamps.

    `paths` gives each log file the label that stands before its lines. Rotated files are read
    as far as needed. Each line ends in a line end.
    """
    readers = open_all(paths)
    try:
        return merged(readers, n)
    finally:
        for reader in readers:
            reader.close()


def open_all(paths: Mapping[Path, str]) -> deque["Reader"]:
    """Return a reader at the end of each log."""
    return deque(Reader(label, path) for path, label in paths.items())


def merged(readers: Iterable["Reader"], n: int) -> list[bytes]:
    """Return the last `n` lines before the places of some readers, in order and labelled."""
    labelled = [
        [(moment(line), reader.labelled(line)) for line in reader.last(n)] for reader in readers
    ]
    in_order = heapq.merge(*labelled, key=lambda stamped: stamped[0])
    return [line for _, line in list(in_order)[-n:]] if n > 0 else []


class Reader:
    """A place in the sequence of files that one log is; it begins at the end of the newest."""

    def __init__(self, label: str, path: Path) -> None:
        self.path = path
        self._prefix = label.encode()
        self._part = _newest(path)
        self._place = 0 if self._part is None else self._part.last_line_end()

    @classmethod
    def since(cls, label: str, path: Path, begin: bytes) -> Self:
        """Begin at the first line of the newest file that is not older than the stamp `begin`."""
        reader = cls(label, path)
        if reader._part is not None:
            place = 0
            for line in reader._part.lines(reader._place):
                if moment(line) >= begin:
                    break
                place += len(line)
            reader._place = place
        return reader

    def read(self) -> bytes:
        """Return the next whole lines; nothing when the writer has not got further."""
        if self._part is None:
            self._part = _newest(self.path)
        while self._part is not None:
            # Looked up before reading: what is read then at the end of an old file is its end.
            successor = self._successor(self._part)
            if lines := self._read_lines(self._part):
                _close(successor)
                return lines
            if successor is None:
                break
            self.close()
            self._part, self._place = successor, 0
        return b""

    def last(self, n: int, keep: Keep | None = None, since: float = 0.0) -> list[bytes]:
        """Return the last `n` lines before this place, as they are in the files, oldest first.

        With `keep`, the last that it says yes to. Files last written before `since` (Unix time)
        are not looked at.
        """
        lines: list[bytes] = []
        if n > 0 and self._part is not None:
            lines = self._part.last(n, keep, self._place)
        for older in self._older(since) if len(lines) < n else ():
            with contextlib.closing(older):
                lines = older.last(n - len(lines), keep, None) + lines
            if len(lines) >= n:
                break
        return lines

    def all(self, since: float = 0.0) -> Iterator[bytes]:
        """Yield the lines before this place, oldest first, one file after the other.

        All files are opened at once, so that rotation meanwhile hides none.
        """
        with contextlib.ExitStack() as open_files:
            older = [open_files.enter_context(contextlib.closing(p)) for p in self._older(since)]
            for part in reversed(older):
                yield from part.lines(None)
            if self._part is not None:
                yield from self._part.lines(self._place)

    def labelled(self, lines: bytes) -> bytes:
        """Put the label before each line."""
        if not self._prefix or not lines:
            return lines
        return self._prefix + lines[:-1].replace(b"\n", b"\n" + self._prefix) + lines[-1:]

    def close(self) -> None:
        """Let go of the open file."""
        part, self._part = self._part, None
        _close(part)

    def _read_lines(self, part: "_Part") -> bytes:
        if part.size() < self._place:  # somebody emptied it
            self._place = 0
        block = part.read(BLOCK, self._place)
        cut = block.rfind(b"\n") + 1
        if cut == 0 and len(block) == BLOCK:
            self._place += BLOCK
            return block + b"\n"
        self._place += cut
        return block[:cut]

    def _successor(self, ours: "_Part") -> "_Part | None":
        """Open the file that the writer began after ours; None while ours is the newest."""
        newer = _newest(self.path)
        if newer is None or ours.is_also(newer):  # None: rotation is half done
            _close(newer)
            return None
        number = 1
        while (older := _old(self.path, number)) is not None:
            if ours.is_also(older):
                break
            newer.close()
            newer, number = older, number + 1
        _close(older)  # None when ours has been deleted: then the oldest that is left comes next
        return newer

    def _older(self, since: float) -> Iterator["_Part"]:
        """Yield the files before ours, newest first, for the caller to close."""
        ours = self._part
        newest = _newest(self.path)
        is_before = ours is None or newest is None or ours.is_also(newest)
        _close(newest)
        seen: set[tuple[int, int]] = set()
        for number in count(1):
            older = _old(self.path, number)
            if older is None or older.written < since:
                _close(older)
                return
            is_ours = ours is not None and ours.is_also(older)
            if is_before and not is_ours and older.mark not in seen:
                seen.add(older.mark)
                yield older
            else:  # one that came after ours, or that rotation has pushed on
                is_before = is_before or is_ours
                older.close()


class _Part:
    """One file of a log, read as if it were plain."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        seen = os.fstat(self._file)
        self.written = seen.st_mtime + 1.0  # the clock of files lags behind the stamps
        self.inode = seen.st_ino
        self.made_of = packed_of(self._file)
        self.mark = (self.made_of or self.inode, seen.st_mtime_ns)
        """What stays the same when it is moved and compressed, once nobody writes to it."""
        self._gzip = None
        if self.made_of:
            self._gzip = gzip.GzipFile(fileobj=os.fdopen(self._file, "rb", closefd=False))
        self._held, self._held_at = b"", 0

    def is_also(self, other: "_Part") -> bool:
        """Say whether another is the same file, or was made of it.

        Inodes are used again, so the time of the last write must be the same as well.
        """
        if self.inode == other.inode:
            return True
        return self.inode == other.made_of and other.mark == (
            self.inode,
            os.fstat(self._file).st_mtime_ns,
        )

    def read(self, size: int, place: int) -> bytes:
        """Return so many bytes from an offset; of a compressed file, from no earlier one again."""
        if self._gzip is None:
            return os.pread(self._file, size, place)
        self._held = self._held[place - self._held_at :]
        self._held_at = place
        while len(self._held) < size and (more := self._unpack()):
            self._held += more
        return self._held[:size]

    def lines(self, end: int | None) -> Iterator[bytes]:
        """Yield the lines, as far as the offset `end`; one that a block cannot hold is broken."""
        place = 0
        while end is None or place < end:
            block = self.read(BLOCK if end is None else min(BLOCK, end - place), place)
            if not block:
                return
            cut = block.rfind(b"\n") + 1 or len(block)
            place += cut
            for line in block[:cut].removesuffix(b"\n").split(b"\n"):
                yield line + b"\n"

    def last(self, n: int, keep: Keep | None, end: int | None) -> list[bytes]:
        """Return the last `n` lines before the offset `end`."""
        if keep is not None or self._gzip is not None:
            return list(deque(filter(keep or bool, self.lines(end)), maxlen=n))
        blocks: list[bytes] = []
        ends = 0
        place = os.fstat(self._file).st_size if end is None else end
        while place > 0 and ends <= n:
            begin = max(place - BLOCK, 0)
            blocks.insert(0, os.pread(self._file, place - begin, begin))
            ends += blocks[0].count(b"\n")
            place = begin
        lines = b"".join(blocks).removesuffix(b"\n").split(b"\n")
        return [line + b"\n" for line in lines[-n:]] if blocks else []

    def last_line_end(self) -> int:
        """Return the offset behind the last whole line: a write may be under way."""
        size = os.fstat(self._file).st_size
        begin = max(size - BLOCK, 0)
        return begin + os.pread(self._file, size - begin, begin).rfind(b"\n") + 1

    def size(self) -> float:
        """Return how long it is now; a compressed one never shrinks."""
        return os.fstat(self._file).st_size if self._gzip is None else float("inf")

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def _unpack(self) -> bytes:
        assert self._gzip is not None
        try:
            return self._gzip.read(BLOCK)
        except (OSError, EOFError, zlib.error):  # damaged: what could be read is all there is
            return b""


def _newest(path: Path) -> _Part | None:
    with contextlib.suppress(FileNotFoundError):
        return _Part(path)
    return None


def _old(path: Path, number: int) -> _Part | None:
    plain = rotated(path, number)
    # Once more the plain one: it may have become a packed one and that have moved, in between.
    for name in (plain, packed(plain), plain):
        if (part := _newest(name)) is not None:
            return part
    return None


def _close(part: _Part | None) -> None:
    if part is not None:
        part.close()
