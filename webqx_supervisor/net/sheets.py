"""Where everything that is counted stands: a map in memory with a sheet for each who counts.

A sheet holds entries (core.counting), each by its key. Only its owner writes it, so no two ever
write the same number; the daemon reads all of them. When an owner is gone, the daemon adds its
sheet to the total of all who are gone, and gives the sheet to somebody else. That must be done once
and only once, whenever the daemon is killed: so there are two sheets for that total, and one word
of the map says which of them holds, and whose sheet it was made with. That word is written last.

Beside these there is a sheet of the daemon's own, which the next daemon goes on with.
"""

import mmap
import os
import tempfile
from collections.abc import Iterator

from webqx_supervisor.core.counting import (
    BUCKETS,
    NUMBERS,
    Entries,
    Key,
    added,
    decoded,
    encoded,
    is_overflow,
    lasting,
    overflowing,
)

SHEETS = 128
"""For proxies."""
ENTRIES = 2048
"""Of each sheet; the last RESERVED are for what there is no room for."""
RESERVED = 32
FREE = 0
"""The owner of a sheet that has none."""

_WORD = 8  # octets, signed, as this machine writes them
_MARK, _LENGTH, _KEY = 0, 1, 2  # of an entry, in words
_KEY_WORDS = 30
_NUMBERS = _KEY + _KEY_WORDS
_ENTRY = _NUMBERS + NUMBERS
_USED = 0  # the word of a sheet that says how many entries were ever made
_GRAIN = 64 * 1024  # what a sheet is mapped by, on every system
SHEET_SIZE = -(-(1 + ENTRIES) * _ENTRY * _WORD // _GRAIN) * _GRAIN
"""Octets; pages that nobody writes cost nothing."""
_LAYOUT = 0x7765_6271_0001 << 16 | NUMBERS << 8 | BUCKETS  # another number is another map
_VERSION, _NAME, _HOLDS, _OWNERS = 0, 1, 2, 3
_TOTALS, _DAEMON, _FIRST = (0, 1), 2, 3
SIZE = _GRAIN + (_FIRST + SHEETS) * SHEET_SIZE


def create() -> int:
    """Return the descriptor of a new map, with nothing in it. Raises OSError."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("webqx-sv-sheets")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, SIZE)
    with mmap.mmap(fd, _GRAIN) as head:
        head[:_WORD] = _LAYOUT.to_bytes(_WORD, "little")
        head[_WORD : 2 * _WORD] = os.urandom(_WORD - 1) + b"\0"
    return fd


class Sheet:
    """The entries of one who counts, in `words` of memory."""

    def __init__(self, words: memoryview, identity: tuple[int, int] = (0, 0)) -> None:
        self.words = words
        self.identity = identity
        """The name of its map, and its number in there."""
        self._octets = words.cast("B")
        self._places = {key: at for key, at, _ in self._found()}
        self._ordinary = sum(not is_overflow(key) for key in self._places)
        used = range(_ENTRY, (1 + min(words[_USED], ENTRIES)) * _ENTRY, _ENTRY)
        self._free = sorted(set(used) - set(self._places.values()), reverse=True)

    @classmethod
    def alone(cls) -> "Sheet":
        """Return one that nobody else sees."""
        return cls(memoryview(mmap.mmap(-1, SHEET_SIZE)).cast("q"))

    @classmethod
    def of_proxy(cls, fd: int, number: int) -> "Sheet":
        """Return a sheet of the map at `fd`. Raises OSError, and ValueError for another map."""
        with mmap.mmap(fd, _GRAIN, access=mmap.ACCESS_READ) as head:
            version, name = memoryview(head[: 2 * _WORD]).cast("q")
        if version != _LAYOUT:
            raise ValueError("a map of another layout")
        offset = _GRAIN + (_FIRST + number) * SHEET_SIZE
        return cls(memoryview(mmap.mmap(fd, SHEET_SIZE, offset=offset)).cast("q"), (name, number))

    def place(self, key: Key) -> int:
        """Return where the numbers of a key stand, which has an entry from now on.

        Without room for it that of `overflowing(key)`.
        """
        at = self._places.get(key)
        if at is None:
            octets = encoded(key)
            at = self._room(is_overflow(key)) if len(octets) <= _KEY_WORDS * _WORD else -1
            if at < 0:
                return self.place(overflowing(key))
            self._write(at, octets)
            self._places[key] = at
            self._ordinary += not is_overflow(key)
        return at + _NUMBERS

    def drop(self, key: Key) -> None:
        """Forget an entry; another key may get its place."""
        at = self._places.pop(key, None)
        if at is not None:
            self.words[at] = -abs(self.words[at])
            self._free.append(at)
            self._ordinary -= not is_overflow(key)

    def clear(self) -> None:
        """Forget all."""
        for key in list(self._places):
            self.drop(key)

    def entries(self) -> dict[Key, list[int]]:
        """Return all there is, though its owner may be writing."""
        found = {}
        for key, at, mark in self._found():
            numbers = self.words[at + _NUMBERS : at + _ENTRY].tolist()
            if mark == self.words[at]:
                found[key] = numbers
        return found

    def put(self, entries: Entries) -> None:
        """Have these entries, and no others."""
        self.clear()
        self.add(entries)

    def add(self, entries: Entries) -> None:
        """Add these numbers to what there is."""
        for key, numbers in entries.items():
            at = self.place(key)
            for offset, number in enumerate(numbers):
                self.words[at + offset] += number

    def _found(self) -> Iterator[tuple[Key, int, int]]:
        """Yield each key, where its entry is, and the mark that it has as long as that is so."""
        for at in range(_ENTRY, (1 + min(self.words[_USED], ENTRIES)) * _ENTRY, _ENTRY):
            mark = self.words[at]
            if mark > 0:
                first = (at + _KEY) * _WORD
                octets = bytes(self._octets[first : first + self.words[at + _LENGTH]])
                if mark == self.words[at]:
                    yield decoded(octets), at, mark

    def _room(self, is_reserved: bool) -> int:
        """Return the place of a free entry; -1 without one, which those reserved never lack."""
        if not is_reserved and self._ordinary >= ENTRIES - RESERVED:
            return -1
        if self._free:
            return self._free.pop()
        used = self.words[_USED]
        self.words[_USED] = used + 1
        return (1 + used) * _ENTRY

    def _write(self, at: int, octets: bytes) -> None:
        generation = abs(self.words[at]) + 1
        self.words[at] = -generation
        for each in range(at + _NUMBERS, at + _ENTRY):
            self.words[each] = 0
        first = (at + _KEY) * _WORD
        self._octets[first : first + len(octets)] = octets
        self.words[at + _LENGTH] = len(octets)
        self.words[at] = generation


class Sheets:
    """The map as a whole; owns `fd`. Raises ValueError and OSError if that is no such map."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._words = memoryview(mmap.mmap(fd, SIZE)).cast("q")
        if self._words[_VERSION] != _LAYOUT:
            raise ValueError("a map of another layout")
        self._finish()
        self.own = self._sheet(_DAEMON)
        """The daemon's."""

    @property
    def name(self) -> int:
        """A number that only this map has."""
        return self._words[_NAME]

    def owners(self) -> list[int]:
        """Return the owner of each sheet: a pid, or FREE."""
        return self._words[_OWNERS : _OWNERS + SHEETS].tolist()

    def give(self, number: int, owner: int) -> None:
        """Let a free sheet be somebody's."""
        self._words[_OWNERS + number] = owner

    def take_back(self, number: int) -> None:
        """Add up what the owner of a sheet, who is gone, has counted; the sheet is free then."""
        holding = self._words[_HOLDS] & 1
        total = added(
            self._sheet(holding).entries(), lasting(self._sheet(_FIRST + number).entries())
        )
        self._sheet(1 - holding).put(total)
        self._words[_HOLDS] = (number + 1) << 1 | (1 - holding)
        self._finish()

    def gone(self) -> Sheet:
        """Return what all who are gone have counted."""
        return self._sheet(self._words[_HOLDS] & 1)

    def all(self) -> dict[Key, list[int]]:
        """Return what has been counted by everybody, ever, and is true now."""
        total = added(self.gone().entries(), self.own.entries())
        for number, owner in enumerate(self.owners()):
            if owner != FREE:
                total = added(total, self._sheet(_FIRST + number).entries())
        return {key: list(numbers) for key, numbers in total.items()}

    def close(self) -> None:
        """Let go of the map; others may still have it."""
        os.close(self.fd)

    def _finish(self) -> None:
        """Do the rest of a take_back() that was counted and perhaps not more."""
        holds = self._words[_HOLDS]
        number = (holds >> 1) - 1
        if number >= 0:
            self._sheet(_FIRST + number).clear()
            self._words[_OWNERS + number] = FREE
            self._words[_HOLDS] = holds & 1

    def _sheet(self, number: int) -> Sheet:
        first = (_GRAIN + number * SHEET_SIZE) // _WORD
        return Sheet(self._words[first : first + SHEET_SIZE // _WORD])
