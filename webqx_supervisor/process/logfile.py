"""A log file that never grows beyond its limit and never fails: what it cannot keep, it counts."""

import os
import time
from itertools import count
from pathlib import Path

from webqx_supervisor.model.service import Logs
from webqx_supervisor.process.lines import stamp


class LogFile:
    """Appends lines to `path`; old ones move on to `path.1`, `path.2`, ... as it fills.

    `lost` counts the bytes that could not be written (disk full, no right to write). The
    first line that goes through again is preceded by one that says so.
    """

    def __init__(self, path: Path, limits: Logs) -> None:
        self.path = path
        self.limits = limits
        self.lost = 0
        self._reason = ""
        self._torn = False  # the file ends amidst a line
        self._file: int | None = None

    def __repr__(self) -> str:
        return f"<LogFile {self.path}, {self.lost} bytes lost>"

    def write(self, lines: bytes) -> None:
        """Append whole lines, rotating between two of them where the limit is reached."""
        notice = self._notice() if self.lost else b""
        data = notice + lines
        written = self._append(data)
        if written:
            self._torn = data[written - 1 : written] != b"\n"
        if written >= len(notice):
            self.lost = len(data) - written
        else:
            self.lost += len(lines)

    def close(self) -> None:
        """Let go of the file; a later write opens it again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _notice(self) -> bytes:
        text = f"webqx-sv: {self.lost} bytes of output were lost here: {self._reason}\n"
        return b"\n" * self._torn + stamp(text.encode(), "err", time.time())

    def _append(self, data: bytes) -> int:
        """Write as much as possible; return how many bytes that was."""
        view, done = memoryview(data), 0
        try:
            while done < len(data):
                file, size = self._open()
                end = self._last_that_fits(data, done, size)
                if end > done:
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
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        return self._file, os.fstat(self._file).st_size

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
        gap = next(n for n in count(1) if n == keep or not rotated(self.path, n).exists())
        for number in range(gap, 0, -1):
            rotated(self.path, number - 1).replace(rotated(self.path, number))


def rotated(path: Path, number: int) -> Path:
    """Return the name of a log file after so many rotations; 0 is the file itself."""
    return path.with_name(f"{path.name}.{number}") if number else path
