"""The one writer of an audit log: appends records, rotates, remembers how far it has come.

Nothing here is asynchronous: the daemon calls it in a thread, one call at a time. A record counts
as written once fsync(2) has returned; head.json is written after that, so it never counts a record
that a power loss could take. What it does not count yet is read from the file at the next start.
"""

import contextlib
import fcntl
import itertools
import json
import os
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.core import audit
from webqx_supervisor.core.audit import Mark
from webqx_supervisor.core.sealing import CIPHER, NONCE_SIZE, SALT_SIZE, Sealer
from webqx_supervisor.daemon import auditrecovery
from webqx_supervisor.model.audit import Audit
from webqx_supervisor.process import auditfiles, packing
from webqx_supervisor.process.lines import moment

FORMAT = 1
IN_CLEAR = frozenset(("begin", "removed", "mended"))
"""Kinds of records that are not encrypted: they tell of the files alone."""
LOCK = "lock"
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Keys:
    """What protects a chain; None: nothing does."""

    chain: bytes | None = field(default=None, repr=False)
    records: bytes | None = field(default=None, repr=False)


class Chain:
    """The chain in `folder`. Every method raises OSError where the disk or somebody else refuses.

    A call that raises has written nothing: it may be made again.
    """

    def __init__(
        self, folder: Path, policy: Audit, keys: Keys, clock: Callable[[], float] = time.time
    ) -> None:
        self.mark = Mark()
        self.spools: dict[str, int] = {}
        """How many lines of each spool are in the chain."""
        self.state = ""
        """What head.json says of the daemon: "running", or how it ended."""
        self.broken = ""
        """What was found to be wrong with the end of the chain, until somebody takes note."""
        self._folder = folder
        self._policy = policy
        self._keys = keys
        self._clock = clock
        self._lock: int | None = None
        self._file: int | None = None
        self._name = ""
        self._size = 0
        self._began = 0.0
        self._sealer: Sealer | None = None

    def open(self) -> None:
        """Take up the chain, or begin one.

        Lines that a power loss has torn are cut off, which is recorded.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        found = auditrecovery.recover(self._folder, self._keys.chain)
        self.mark, self.spools, self.state = found.mark, dict(found.spools), found.state
        if found.torn:
            auditrecovery.cut(self._folder / found.file, found.size)
        if found == auditrecovery.Found():
            self.remember()  # or a crash before the first record would look like a lost head.json
        if found.broken or not self._resume(found):
            self._begin({"broken": found.broken} if found.broken else {})
        if found.torn:
            torn = b64encode(found.torn[: auditrecovery.KEPT]).decode()
            record = {"kind": "mended", "file": found.file, "octets": len(found.torn)}
            self.append([{**record, "torn": torn}])
        self.remember()
        self.broken = found.broken

    def append(self, records: Sequence[Fields], spools: Mapping[str, int] | None = None) -> None:
        """Write records down for good. `spools`: how far those that they come from are read."""
        assert self._file is not None, "open() comes first"
        if not os.fstat(self._file).st_nlink:
            self._begin_anew()
        if self._is_full() or self._is_aged():
            self._rotate()
        self._write(records)
        self.spools.update(spools or {})
        self.remember()

    def forget_spools(self, names: Sequence[str]) -> None:
        """Note that these spools are gone."""
        for name in names:
            self.spools.pop(name, None)

    def remember(self) -> None:
        """Write head.json. If that fails an older one stays, which is as good after a start."""
        fields = {"file": self._name, "size": self._size, "state": self.state}
        text = audit.head({**fields, "spools": self.spools}, self.mark, self._keys.chain)
        with contextlib.suppress(OSError):
            write_atomically(self._folder / auditfiles.HEAD, text)

    def tidy(self) -> None:
        """Do what is due without any record: begin a new file, remove old ones."""
        if self._is_aged():
            self._rotate()
            self.remember()
        if self._policy.keep_for:
            self._remove_old()

    def _remove_old(self) -> None:
        """Remove files whose last record is older than `keep_for`, and record that before."""
        names = auditfiles.files(self._folder)
        since = self._clock() - self._policy.keep_for
        for name, following in itertools.pairwise(names):
            path = self._folder / name
            if self._last_write(path) >= since:
                return
            try:
                first = next(auditfiles.lines(self._folder / following), b"")
                entry = audit.read(first.rstrip(b"\n"))
            except (ValueError, EOFError, zlib.error):
                return  # somebody meddled with it; that is for `verify` to say
            through = {"through": entry.seq - 1, "last": entry.prev}
            kept = {"kind": "removed", "file": name, "first": auditfiles.first_of(name)}
            self.append([{**kept, **through}])
            for each in (path, auditfiles.packed(path)):
                each.unlink(missing_ok=True)

    def pack_old(self) -> None:
        """Compress all files but the present one; may run beside all else."""
        names = auditfiles.files(self._folder) if self._policy.compress else []
        for name in names:
            path = self._folder / name
            if name != self._name and path.exists():
                _pack(path)

    def close(self, state: str) -> None:
        """Say how it ends, and let go."""
        self.state = state
        self.remember()
        self.let_go()

    def let_go(self) -> None:
        """Close what is open, and say nothing."""
        for each in (self._file, self._lock):
            if each is not None:
                os.close(each)
        self._file = self._lock = None

    def _begin_anew(self) -> None:
        """Go on in a new file: somebody has removed, or replaced, the one that was written to."""
        gone, broken = self._file, f"{self._name} was removed or replaced"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock is None or not os.fstat(self._lock).st_nlink:  # others could take its place
            lock = self._lock
            self._take_lock()
            if lock is not None:
                os.close(lock)
        self._begin({"broken": broken})
        if gone is not None:
            os.close(gone)
        self.broken = broken

    def _take_lock(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        lock = os.open(self._folder / LOCK, flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise OSError(f"another daemon writes its audit log in {self._folder}") from None
        self._lock = lock

    def _resume(self, found: auditrecovery.Found) -> bool:
        """Go on in the last file; return False where a new one has to be begun."""
        path = self._folder / found.file
        if not found.file or not path.exists():
            return False
        begin = found.begin
        if begin.get("key", "") != audit.key_id(self._keys.chain):
            return False
        if begin.get("cipher_key", "") != audit.key_id(self._keys.records):
            return False
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._name, self._size = found.file, found.size
        self._began = datetime.fromisoformat(str(begin["time"])).timestamp()
        if self._keys.records is not None:
            self._sealer = Sealer(self._keys.records, b64decode(str(begin["salt"])))
        return True

    def _rotate(self) -> None:
        before = self._file
        self._begin({})
        if before is not None:
            os.close(before)

    def _begin(self, more: Fields) -> None:
        """Begin a new file; what was open stays so, and in use if this fails."""
        name = auditfiles.name_of(self.mark.seq + 1)
        key = self._keys.chain
        fields: dict[str, Any] = {
            "time": moment(self._clock()),
            "kind": "begin",
            "format": FORMAT,
            "algorithm": audit.KEYED if key else audit.PLAIN,
            "key": audit.key_id(key),
            **more,
        }
        sealer = None
        if self._keys.records is not None:
            salt = os.urandom(SALT_SIZE)
            sealer = Sealer(self._keys.records, salt)
            sealed_by = {"cipher": CIPHER, "cipher_key": audit.key_id(self._keys.records)}
            fields |= {**sealed_by, "salt": b64encode(salt).decode()}
        path = self._folder / name
        path.unlink(missing_ok=True)  # an attempt that failed: no record has this number yet
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        file = os.open(path, flags, 0o600)
        before = self._file, self._name, self._size, self._sealer, self._began, self.mark
        self._file, self._name, self._size = file, name, 0
        self._sealer, self._began = sealer, self._clock()
        try:
            self._write([fields])
            _sync_folder(self._folder)
        except OSError:
            self._file, self._name, self._size, self._sealer, self._began, self.mark = before
            os.close(file)
            path.unlink(missing_ok=True)
            raise

    def _write(self, records: Sequence[Fields]) -> None:
        """Append all of the records or none."""
        assert self._file is not None, "open() comes first"
        mark, lines = self.mark, []
        for fields in records:
            line, mark = audit.link(self._sealed(fields, mark), mark, self._keys.chain)
            lines.append(line)
        data = b"".join(lines)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)
        self.mark = mark

    def _sealed(self, fields: Fields, before: Mark) -> Fields:
        """Return what is written of a record: with a key, its time and place in clear alone."""
        fields = fields if "time" in fields else {"time": moment(self._clock()), **fields}
        if self._sealer is None or fields["kind"] in IN_CLEAR:
            return fields
        outer = {key: fields[key] for key in ("time", "from") if key in fields}
        inner = {key: value for key, value in fields.items() if key not in outer}
        text = json.dumps(inner, separators=(",", ":")).encode()
        where = f"{before.seq + 1}:{before.hash}"
        return {**outer, "sealed": self._sealer.seal(text, os.urandom(NONCE_SIZE), where)}

    def _is_full(self) -> bool:
        return self._size >= self._policy.max_size

    def _is_aged(self) -> bool:
        age = self._policy.max_age
        return bool(age) and self._clock() // age > self._began // age

    def _last_write(self, path: Path) -> float:
        return (path if path.exists() else auditfiles.packed(path)).stat().st_mtime


def _pack(path: Path) -> None:
    unfinished = path.with_name(f"{path.name}{auditfiles.PACKED}.part")
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        target = os.open(unfinished, flags, 0o600)
        try:
            packing.pack(source, target, lambda: False)
            os.fsync(target)
            unfinished.replace(auditfiles.packed(path))
            path.unlink()
        finally:
            os.close(target)
            unfinished.unlink(missing_ok=True)
    finally:
        os.close(source)


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file survive a power loss."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
