r"""The chain of an audit log: each line holds the hash of the line before, and its own.

A line is a JSON object whose last two keys are `prev`, the hash of the line before, and `hash`,
that of everything in this line up to the comma before `hash`. The hash is SHA-256, or HMAC-SHA-256
(RFC 2104) under a key, in hexadecimal. So anybody can recompute it:

    sed -n 5p FILE | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum

Each file opens with a record of kind `begin`, which names the algorithm and the key of its lines.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

GENESIS = "0" * 64
"""What the first record names as the hash of the one before."""
PLAIN, KEYED = "sha256", "hmac-sha256"
KEY_SIZE = 32

_TAIL = re.compile(rb',"hash":"([0-9a-f]{64})"\}')
_TAIL_SIZE = len(',"hash":""}') + 64
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands, for a person."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, read."""

    seq: int
    prev: str
    hash: str
    fields: dict[str, Any]
    """All but `seq`, `prev` and `hash`."""
    body: bytes
    """What the hash is of."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a chain had come: the number of a record, and its hash."""

    seq: int = 0
    hash: str = GENESIS


def key_id(key: bytes | None) -> str:
    """Name a key without giving it away; "" for none."""
    return hashlib.sha256(b"webqx-sv audit key id\0" + key).hexdigest()[:16] if key else ""


def digest(text: bytes, key: bytes | None) -> str:
    """Return the hash of a text in hexadecimal."""
    if key is None:
        return hashlib.sha256(text).hexdigest()
    return hmac.digest(key, text, "sha256").hex()


def link(fields: Mapping[str, Any], before: Mark, key: bytes | None) -> tuple[bytes, Mark]:
    """Return the line that follows on `before`, with its line end, and how far that comes."""
    mark = Mark(before.seq + 1)
    record = {"seq": mark.seq, **fields, "prev": before.hash}
    body = json.dumps(record, separators=(",", ":")).encode()[:-1]
    own = digest(body, key)
    return b'%b,"hash":"%b"}\n' % (body, own.encode()), Mark(mark.seq, own)


def read(line: bytes) -> Entry:
    """Read a line without its end; whether its hash is right is not asked. Raises ValueError."""
    tail = _TAIL.fullmatch(line, max(0, len(line) - _TAIL_SIZE))
    if tail is None:
        raise ValueError("it does not end in a hash")
    body = line[:-_TAIL_SIZE]
    fields = json.loads(body + b"}")  # UnicodeDecodeError, JSONDecodeError are ValueErrors
    seq, prev = fields.pop("seq", None), fields.pop("prev", None)
    if not isinstance(seq, int) or not isinstance(prev, str) or not _HEX.fullmatch(prev):
        raise ValueError("it has no number, or no hash of the one before")
    return Entry(seq, prev, tail[1].decode(), fields, body)


def is_genuine(entry: Entry, key: bytes | None) -> bool:
    """Say whether the hash of a line is that of its content."""
    return hmac.compare_digest(digest(entry.body, key), entry.hash)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be told of a chain. `wrong`: it was meddled with; else it is good to know."""

    place: Place | None
    text: str
    wrong: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


@dataclass
class Verifier:
    """Verification as a fold over all lines, oldest first.

    `keys` are those at hand by their key_id(). `marks` are what is known from elsewhere of how far
    the chain had come: by head.json, by anchors in the journal.
    """

    keys: Mapping[str, bytes]
    marks: Iterable[Mark] = ()
    last: Mark = field(default_factory=Mark)
    records: int = 0
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._anchors: dict[int, set[str]] = {}
        for mark in self.marks:
            self._anchors.setdefault(mark.seq, set()).add(mark.hash)
        self._began: tuple[Place, Entry] | None = None
        self._removals: set[tuple[int, str]] = set()
        self._first_in_file = True
        self._key: bytes | None = None
        self._keyed = False
        self._known = True  # the key of the present file is at hand
        self._follows = True  # what the next line must follow on is known

    def begin_file(self) -> None:
        """Note that the next line is the first of a file."""
        self._first_in_file = True

    def take(self, place: Place, line: bytes) -> Entry | None:
        """Judge one line, without its end; return what it says, if it can be read."""
        first, self._first_in_file = self._first_in_file, False
        self.records += 1
        try:
            entry = read(line)
        except ValueError as error:
            self._tell(place, f"is no record: {error}")
            self.last, self._follows = Mark(self.last.seq + 1), False
            return None
        if first:
            self._open(place, entry)
        genuine = not self._known or is_genuine(entry, self._key)
        if not genuine:
            self._tell(place, f"record {entry.seq} was changed: its hash is another")
        self._join(place, entry)
        self._anchor(place, entry)
        if genuine and entry.fields.get("kind") == "removed":
            self._removals.add((entry.fields.get("through", 0), entry.fields.get("last", "")))
        self.last, self._follows = Mark(entry.seq, entry.hash), True
        return entry

    def torn(self, place: Place, *, last: bool) -> None:
        """Take note of a line without an end, the last one of all or not."""
        if not last:
            self._tell(place, "the line has no end")
            return
        text = "the last line has no end, as after a power loss or while it is written"
        self.findings.append(
            Finding(place, f"{text}; the next start of the daemon mends it", False)
        )

    def finish(self, *, keyed: bool) -> list[Finding]:
        """Return all that was found. `keyed`: the end has to be under a key."""
        if self._began is not None:
            self._judge_beginning(*self._began)
        if keyed and self._began is not None and self._key is None and self._known:
            self._tell(None, "the last file is under no key, though one is in use")
        for seq in sorted(self._anchors):
            if seq > self.last.seq:
                self._tell(
                    None, f"records {self.last.seq + 1} to {seq} have been there and are missing"
                )
                break
        return self.findings

    def _tell(self, place: Place | None, text: str) -> None:
        self.findings.append(Finding(place, text))

    def _open(self, place: Place, entry: Entry) -> None:
        """Take the algorithm from the first line of a file."""
        if self._began is None:
            self._began = place, entry
        if entry.fields.get("kind") != "begin":
            self._tell(place, "the file does not open with its own first record")
            return
        name = entry.fields.get("key", "")
        self._key = self.keys.get(name) if name else None
        self._known = not name or self._key is not None
        if not self._known:
            self._tell(place, f"the file is under the key {name}, which is not at hand")
        if bool(name) != self._keyed and self._began[1] is not entry:
            side = "up to here" if name else "from here on"
            self.findings.append(Finding(place, f"{side} the chain is under no key", False))
        self._keyed = bool(name)

    def _join(self, place: Place, entry: Entry) -> None:
        """Say whether a record follows on the one before."""
        if self._began is not None and self._began[1] is entry:
            return  # judged at the end, when all removals are known
        expected = self.last.seq + 1
        if entry.seq > expected:
            gap = f"{expected} to {entry.seq - 1}" if entry.seq - 1 > expected else f"{expected}"
            self._tell(place, f"records are missing before record {entry.seq}: {gap}")
        elif entry.seq < expected:
            self._tell(place, f"record {entry.seq} stands behind record {self.last.seq}")
        elif self._follows and entry.prev != self.last.hash:
            text = f"record {entry.seq} does not follow on record {self.last.seq}"
            self._tell(place, f"{text}: one of the two was changed")

    def _anchor(self, place: Place, entry: Entry) -> None:
        for known in self._anchors.get(entry.seq, ()):
            if known != entry.hash:
                self._tell(place, f"record {entry.seq} is another than the one that was anchored")

    def _judge_beginning(self, place: Place, entry: Entry) -> None:
        if entry.seq == 1 and entry.prev == GENESIS:
            return
        if (entry.seq - 1, entry.prev) not in self._removals:
            missing = f"records 1 to {entry.seq - 1} are missing"
            self._tell(place, f"{missing}, and no later record tells of their removal")


def head(fields: Mapping[str, Any], mark: Mark, key: bytes | None) -> bytes:
    """Return what is remembered beside a chain: how far it has come, sealed like a record."""
    return link({**fields, "last": mark.hash}, Mark(mark.seq - 1, GENESIS), key)[0]


def read_head(
    text: bytes, key: bytes | None, *, trust: bool = False
) -> tuple[Mark, dict[str, Any]]:
    """Return how far a chain had come, and what else is remembered. Raises ValueError.

    With `trust` it is not asked whether it was changed.
    """
    entry = read(text.rstrip(b"\n"))
    if not trust and not is_genuine(entry, key):
        raise ValueError("it was changed, or is under another key")
    last = entry.fields.pop("last", "")
    if not isinstance(last, str) or not _HEX.fullmatch(last):
        raise ValueError("it names no record")
    return Mark(entry.seq, last), entry.fields
