"""How many more workers the memory has room for: none that would make the machine swap."""

from dataclasses import dataclass

MIB = 2**20
ANY = 10**6
"""So many workers as nobody wants."""
LEAST_RESERVE = 64 * MIB
MOST_RESERVE = 1024 * MIB
RESERVE = 0.05
"""The part of all memory that is left alone, between the two."""


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. `available` can be given out without swapping (MemAvailable of proc(5))."""

    total: int
    available: int


@dataclass(frozen=True, slots=True)
class Room:
    """`workers` more would fit, each of `size` bytes, into `free` ones."""

    workers: int
    size: int
    free: int

    @property
    def text(self) -> str:
        """Say what one would take and what there is."""
        takes = f"a worker takes {_mib(self.size)}, " if self.size else ""
        return f"{takes}{_mib(self.free)} are available"


def room(memory: Memory, ready: list[int], coming: list[int], known: int = 0) -> Room:
    """Return how many more workers fit.

    `ready` and `coming` are the bytes that the present workers have; the biggest tells what one
    takes, or what is `known` from before. Those that still come will be as big as that.
    """
    size = max(*ready, *coming, known, 0)
    reserve = min(max(int(memory.total * RESERVE), LEAST_RESERVE), MOST_RESERVE)
    owed = sum(size - has for has in coming)
    free = max(0, memory.available - reserve - owed)
    if not size:  # nobody knows yet what one takes
        return Room(ANY if free else 0, size, free)
    return Room(free // size, size, free)


def _mib(octets: int) -> str:
    return f"{octets // MIB}M"
