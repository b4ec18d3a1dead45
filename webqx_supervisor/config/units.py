"""Durations, sizes and shares as people write them, and back: seconds, bytes and parts of 1."""

import math
import re
from typing import Any

from webqx_supervisor.config.phrases import found

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
SIZE_PATTERN = r"^[0-9]+[kKmMgGtT]?$"
SHARE_PATTERN = r"^[0-9]{1,3}(\.[0-9]+)?%$"

_DURATION = re.compile(DURATION_PATTERN)
_DURATION_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(SIZE_PATTERN)
SHARE = re.compile(SHARE_PATTERN)
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def seconds(value: object) -> float:
    """Read "5s", "200ms" or "1h30m". Raises ValueError naming the wanted form."""
    if isinstance(value, str) and _DURATION.fullmatch(value):
        total = math.fsum(float(n) * _SECONDS[unit] for n, unit in _DURATION_PART.findall(value))
        if math.isfinite(total):
            return total
    wanted = 'wanted a duration with its unit, like "5s", "200ms" or "1h30m"'
    raise ValueError(f"{wanted}; found {found(value)}")


def duration_text(value: float) -> str:
    """Write seconds in the largest unit that fits evenly: 0.2 is "200ms", 90.0 is "90s"."""
    if value % 1:
        return f"{value * 1000:.12g}ms"
    for unit in ("h", "m"):
        if value and value % _SECONDS[unit] == 0:
            return f"{value / _SECONDS[unit]:.0f}{unit}"
    return f"{value:.0f}s"


def as_written(value: float) -> Any:
    """Write the model's default as the file would; it is read like any other value."""
    return duration_text(value)


def size_as_written(value: int) -> Any:
    """Do the same for a size."""
    return size_text(value)


def size(value: object) -> int:
    """Read "512M", "64k", "100" or 100; k, M, G and T are powers of 1024, in either case.

    Raises ValueError naming the wanted form.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and _SIZE.fullmatch(value):
        digits = value.rstrip("kKmMgGtT")
        return int(digits) * _BYTES[value[len(digits) :].lower()]
    raise ValueError(f'wanted a size in bytes, like "64k", "512M" or "1G"; found {found(value)}')


def size_text(value: int) -> str:
    """Write bytes in the largest unit that fits evenly: 16384 is "16k"."""
    for unit in "TGMk":
        if value and value % _BYTES[unit.lower()] == 0:
            return f"{value // _BYTES[unit.lower()]}{unit}"
    return str(value)


def share(value: object) -> float:
    """Read "50%" as 0.5. Raises ValueError naming the wanted form."""
    if isinstance(value, str) and SHARE.fullmatch(value):
        part = float(value[:-1]) / 100
        if part <= 1:
            return part
    raise ValueError(f'wanted a share from "0%" to "100%", like "20%"; found {found(value)}')


def share_text(value: float) -> Any:
    """Write the model's default as the file would: 0.5 is "50%"."""
    return f"{value * 100:.12g}%"
