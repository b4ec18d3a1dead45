"""A log file that never grows beyond its limits and never fails: what it cannot keep, it counts."""

import contextlib
import itertools
import os
import threading
import time
from calendar import timegm
from collections.abc import Callable
from pathlib import Path

from webqx_supervisor.model.service import Logs
from webqx_supervisor.process import packing
from webqx_supervisor.process.lines import stamp

PACKED = ".gz"
_FIRST = 64
"""Bytes of a file in which the time of its first line is looked for."""


class LogFile:
    """Appends lines to `path`; old ones move on to `path.1`, `path.2`, ... as it fills or ages.

    `lost` counts the bytes that could not be written (disk full, no right to write). The
    first line that goes through again is preceded by one that says so. `on_rotation` is called
    when there is something new to `pack`, which alone may run in another thread.
    """

    def __init__(
        self,
        path: Path,
        limits: Logs,
        clock: Callable[[], float] = time.time,
        on_rotation: Callable[["LogFile"], object] = lambda _: None,
    ) -> None:
        self.path = path
        self.limits = limits
        self.lost = 0
        self.stamp: Callable[[bytes, str, float], bytes] = stamp
        """How a line of its own is written: as all others in this file."""
        self._clock = clock
        self._on_rotation = on_rotation
        self._shifting = threading.Lock()  # old files change their names
        self._reason = ""
        self._torn = False  # the file ends amidst a line
        self._file: int | None = None
        self._began = 0.0  # when the file's first line was written

    def __repr__(self) -> str:
        return f"<LogFile {self.path}, {self.lost} bytes lost>"

    def write(self, lines: bytes) -> None:
        """Append whole lines, rotating between two of them where a limit is reached."""
        notice = self._notice() if self.lost else b""
        data = notice + lines
        written = self._append(data)
        if written:
            self._torn = data[written - 1 : written] != b"\n"
        if written >= len(notice):
            self.lost = len(data) - written
        else:
            self.lost += len(lines)

    def tell(self, text: str) -> None:
        """Append a line of ours."""
        self.write(self.stamp(f"webqx-sv: {text}\n".encode(), "err", self._clock()))

    def tidy(self) -> None:
        """Do what is due without any writing: rotate an aged file, remove old ones."""
        in_use = self._file is not None
        with contextlib.suppress(OSError):
            if self.limits.max_age and self.path.exists():
                _, size = self._open()
                if self._is_aged(size):
                    self._rotate()
            self._remove_old()
        if not in_use:
            self.close()

    def rotate(self) -> None:
        """Put the file aside now. Raises OSError."""
        self._rotate()

    def close(self) -> None:
        """Let go of the file; a later write opens it again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def pack(self, interrupted: Callable[[], bool]) -> None:
        """Compress the old files, the oldest first. Raises OSError."""
        while self.limits.compress and not interrupted():
            with self._shifting:
                last = max((n for n in self._old() if rotated(self.path, n).exists()), default=0)
                if not last:
                    return
                source = os.open(rotated(self.path, last), os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._pack(source, interrupted)
            finally:
                os.close(source)

    def _pack(self, source: int, interrupted: Callable[[], bool]) -> None:
        unfinished = self.path.with_name(f"{self.path.name}{PACKED}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        target = os.open(unfinished, flags, 0o600)
        try:
            whole = packing.pack(source, target, interrupted)
            with self._shifting:
                for number in self._old() if whole else ():
                    plain = rotated(self.path, number)
                    # It may have moved on meanwhile, or be gone.
                    if plain.exists() and os.path.samestat(plain.stat(), os.fstat(source)):
                        unfinished.replace(packed(plain))
                        plain.unlink()
                        return
        finally:
            os.close(target)
            unfinished.unlink(missing_ok=True)

    def _notice(self) -> bytes:
        text = f"webqx-sv: {self.lost} bytes of output were lost here: {self._reason}\n"
        return b"\n" * self._torn + self.stamp(text.encode(), "err", self._clock())

    def _append(self, data: bytes) -> int:
        """Write as much as possible; return how many bytes that was."""
        view, done = memoryview(data), 0
        try:
            while done < len(data):
                file, size = self._open()
                end = self._last_that_fits(data, done, size)
                if end > done and not self._is_aged(size):
                    done += os.write(file, view[done:end])
                else:
                    self._rotate()
        except OSError as error:
            self._reason = error.strerror or str(error)
        return done

    def _open(self) -> tuple[int, int]:
        """Return the file's descriptor and its size now, which others may have changed."""
        if self._file is not None:
            seen = os.fstat(self._file)
            if seen.st_nlink:
                return self._file, seen.st_size
            self.close()  # somebody removed it
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        self._began = _first_moment(self._file) or self._clock()
        return self._file, os.fstat(self._file).st_size

    def _is_aged(self, size: int) -> bool:
        """Say whether a new span of `max_age` has begun since the file's first line."""
        age = self.limits.max_age
        if not age:
            return False
        now = self._clock()
        if not size:
            self._began = now
        return now // age > self._began // age

    def _last_that_fits(self, data: bytes, begin: int, size: int) -> int:
        """Return where to cut `data[begin:]` so that whole lines fill the file to its limit."""
        if size + len(data) - begin <= self.limits.max_size:
            return len(data)
        end = data.rfind(b"\n", begin, begin + max(self.limits.max_size - size, 0)) + 1
        if end == 0 and size == 0:  # a line longer than a whole file has one to itself
            end = data.find(b"\n", begin) + 1
        return end

    def _rotate(self) -> None:
        self.close()
        keep = self.limits.keep
        if keep == 0:
            self.path.unlink()
            return
        with self._shifting:
            gap = next(n for n in itertools.count(1) if n == keep or not self._exists(n))
            self._remove(gap)
            for number in range(gap, 0, -1):
                here, there = rotated(self.path, number - 1), rotated(self.path, number)
                if here.exists():
                    here.replace(there)
                if number > 1 and packed(here).exists():
                    packed(here).replace(packed(there))
            for surplus in itertools.takewhile(
                self._exists, itertools.count(keep + 1)
            ):  # `keep` was more
                self._remove(surplus)
        self._remove_old()
        if self.limits.compress:
            self._on_rotation(self)

    def _remove_old(self) -> None:
        """Remove what is too old, the oldest first."""
        if not self.limits.keep_for:
            return
        since = self._clock() - self.limits.keep_for
        with self._shifting:
            for number in reversed(list(self._old())):
                if self._last_write(number) >= since:
                    return
                self._remove(number)

    def _last_write(self, number: int) -> float:
        plain = rotated(self.path, number)
        return (plain if plain.exists() else packed(plain)).stat().st_mtime

    def _old(self) -> range:
        return range(1, next(n for n in itertools.count(1) if not self._exists(n)))

    def _exists(self, number: int) -> bool:
        plain = rotated(self.path, number)
        return plain.exists() or packed(plain).exists()

    def _remove(self, number: int) -> None:
        plain = rotated(self.path, number)
        plain.unlink(missing_ok=True)
        packed(plain).unlink(missing_ok=True)


def rotated(path: Path, number: int) -> Path:
    """Return the name of a log file after so many rotations; 0 is the file itself."""
    return path.with_name(f"{path.name}.{number}") if number else path


def packed(path: Path) -> Path:
    """Return the name of the same file, compressed."""
    return path.with_name(path.name + PACKED)


def _first_moment(file: int) -> float:
    """Return when the first line was written, by its stamp; 0 for a file without one."""
    first = os.pread(file, _FIRST, 0).removeprefix(b'{"time":"')
    with contextlib.suppress(ValueError):
        return timegm(time.strptime(first[:19].decode(), "%Y-%m-%dT%H:%M:%S"))
    return 0.0
