"""From the chunks that a pipe gives to stamped lines, without a loop over the lines."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from json.encoder import encode_basestring

LONGEST_LINE = 16 * 1024
"""A line without an end is held back up to this many bytes, then broken."""
TAIL_BYTES = 8 * 1024

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class LineBuffer:
    """Cuts a stream of bytes into whole lines, and keeps the last TAIL_BYTES of them.

    `mask` is asked for what is to stand in their stead.
    """

    def __init__(self, mask: Callable[[bytes], bytes] = bytes) -> None:
        self._mask = mask
        self._held = b""
        self._recent = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole lines that `chunk` completes, each with its line end."""
        data = self._held + chunk
        cut = data.rfind(b"\n") + 1
        lines, self._held = data[:cut], data[cut:]
        while len(self._held) > LONGEST_LINE:
            lines += self._held[:LONGEST_LINE] + b"\n"
            self._held = self._held[LONGEST_LINE:]
        return self._remember(self._mask(lines))

    def flush(self) -> bytes:
        """Return what is held back as a line, at the end of the stream."""
        lines = self._held + b"\n" if self._held else b""
        self._held = b""
        return self._remember(self._mask(lines))

    def tail(self) -> list[str]:
        """Return the last lines, a begun one included; safe to call from another thread."""
        recent = self._recent
        if len(recent) == TAIL_BYTES:  # its first line was cut
            recent = recent.partition(b"\n")[2] or recent
        return (recent + self._mask(self._held)).decode("utf-8", "replace").splitlines()

    def _remember(self, lines: bytes) -> bytes:
        recent = lines if len(lines) >= TAIL_BYTES else self._recent + lines
        self._recent = recent[-TAIL_BYTES:]
        return lines


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes the lines."""

    service: str = ""
    instance: int = 0
    pid: int = 0


def stamp(lines: bytes, stream: str, now: float) -> bytes:
    """Put `2026-11-23T21:10:00.123Z out ` before each line; `now` is Unix time in seconds."""
    if not lines:
        return b""
    prefix = f"{moment(now)} {stream} ".encode()
    return prefix + lines[:-1].replace(b"\n", b"\n" + prefix) + b"\n"


def json_lines(lines: bytes, stream: str, now: float, origin: Origin) -> bytes:
    """Make each line a JSON object that begins with its time."""
    if not lines:
        return b""
    head = {
        "time": moment(now),
        "stream": stream,
        "service": origin.service,
        "instance": origin.instance,
        "pid": origin.pid,
    }
    prefix = _encode(head)[:-1] + ',"line":'
    texts = map(encode_basestring, lines.removesuffix(b"\n").decode("utf-8", "replace").split("\n"))
    return (prefix + ("}\n" + prefix).join(texts) + "}\n").encode()


def moment(now: float) -> str:
    """Write Unix time as `2026-11-23T21:10:00.123Z`."""
    milliseconds = int(now * 1000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{text}.{milliseconds % 1000:03d}Z"
