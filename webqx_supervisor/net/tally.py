"""What all proxies count together: a map of numbers in memory that every one of them sees.

A row for each proxy, a slot for each thing that is counted. A proxy writes in its own row only,
so no two ever write the same number, and what counts is the sum over the rows. Owners of rows and
slots are written by the daemon, in the map itself: it needs no other record to survive a daemon.
"""

import fcntl
import mmap
import os
import tempfile

ROWS = 256
SLOTS = 1024
FREE = 0
"""The owner of a row or a slot that has none."""

_NUMBER = 8  # octets, signed, as this machine writes them
_NAME, _ROWS_USED, _SLOTS_USED, _ROW_OWNERS = 0, 1, 2, 3
_SLOT_OWNERS = _ROW_OWNERS + ROWS
_CELLS = _SLOT_OWNERS + SLOTS
SIZE = (_CELLS + ROWS * SLOTS) * _NUMBER


def create() -> int:
    """Return the descriptor of a new map, all zero. Raises OSError."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("webqx-sv-tally")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, SIZE)  # pages that nobody writes cost nothing
    return fd


class Grid:
    """The map as a whole; owns `fd`. Raises ValueError and OSError if that is no such map."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, SIZE)
        self._numbers = memoryview(self._map).cast("q")

    @property
    def name(self) -> int:
        """A number that only this map has; 0 until it is set."""
        return self._numbers[_NAME]

    @name.setter
    def name(self, number: int) -> None:
        self._numbers[_NAME] = number

    def close(self) -> None:
        """Let go of the map; others may still have it."""
        self._numbers.release()
        self._map.close()
        os.close(self.fd)

    def row_owners(self) -> list[int]:
        """Return the owner of each row: a pid, or FREE."""
        return self._numbers[_ROW_OWNERS:_SLOT_OWNERS].tolist()

    def own_row(self, row: int, owner: int) -> None:
        """Give a row to a proxy, with all its numbers at 0."""
        for slot in range(self._numbers[_SLOTS_USED]):
            self.put(row, slot, 0)
        self._numbers[_ROW_OWNERS + row] = owner
        if owner != FREE:
            self._numbers[_ROWS_USED] = max(self._numbers[_ROWS_USED], row + 1)

    def slot_owners(self) -> list[int]:
        """Return what each slot counts: a fingerprint, or FREE."""
        return self._numbers[_SLOT_OWNERS:_CELLS].tolist()

    def own_slot(self, slot: int, owner: int) -> None:
        """Let a slot count something; its numbers stay as they are."""
        self._numbers[_SLOT_OWNERS + slot] = owner
        self._numbers[_SLOTS_USED] = max(self._numbers[_SLOTS_USED], slot + 1)

    def get(self, row: int, slot: int) -> int:
        """Return one number."""
        return self._numbers[_CELLS + slot * ROWS + row]

    def put(self, row: int, slot: int, number: int) -> None:
        """Write one number; for the owner of the row, and for the daemon when that is dead."""
        self._numbers[_CELLS + slot * ROWS + row] = number

    def column(self, slot: int) -> list[int]:
        """Return the numbers of one slot over all rows that were ever used."""
        first = _CELLS + slot * ROWS
        return self._numbers[first : first + self._numbers[_ROWS_USED]].tolist()

    def lock(self, slot: int) -> None:
        """Wait until no other process has this slot locked, and lock it.

        A lock of fcntl(2): it belongs to the process, and the kernel frees it when that dies.
        """
        fcntl.lockf(self.fd, fcntl.LOCK_EX, 1, slot)

    def unlock(self, slot: int) -> None:
        """Let others lock it."""
        fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, slot)


class Tally:
    """The map as one proxy sees it: its own `row`, and the sums."""

    __slots__ = ("grid", "row")

    def __init__(self, grid: Grid, row: int) -> None:
        self.grid = grid
        self.row = row

    def add(self, slot: int, change: int) -> None:
        """Count."""
        self.grid.put(self.row, slot, self.grid.get(self.row, slot) + change)

    def total(self, slot: int) -> int:
        """Return the sum over all proxies."""
        return sum(self.grid.column(slot))

    def note(self, slot: int, number: int) -> None:
        """Write down a number that stands for itself; 0 takes it back."""
        if self.grid.get(self.row, slot) != number:
            self.grid.put(self.row, slot, number)

    def least_of_others(self, slot: int) -> tuple[int, int]:
        """Return (number, row) of the smallest number that another proxy noted; (0, -1) if none."""
        noted = [
            (number, row)
            for row, number in enumerate(self.grid.column(slot))
            if number and row != self.row
        ]
        return min(noted, default=(0, -1))
