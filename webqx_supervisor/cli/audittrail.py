"""An audit log as the command line reads it: verified line by line, and decrypted."""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from webqx_supervisor.config.keyfile import read_key
from webqx_supervisor.core.audit import Finding, Mark, Verifier, key_id
from webqx_supervisor.core.sealing import Sealer
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.process import auditfiles

_ANCHOR = re.compile(r"audit anchor (\d+):([0-9a-f]{64})")


def anchors(text: Iterable[str]) -> list[Mark]:
    """Return what a journal, or the daemon's log, says of how far the chain had come."""
    found = (_ANCHOR.search(line) for line in text)
    return [Mark(int(each[1]), each[2]) for each in found if each]


def keys(files: Iterable[str]) -> dict[str, bytes]:
    """Read keys; return them by their names. Raises WebqxError."""
    try:
        read = [read_key(file) for file in files]
    except ValueError as error:
        raise WebqxError(str(error)) from None
    return {key_id(key): key for key in read}


@dataclass
class Trail:
    """The log in a folder. `keyed`: its end has to be under the first of the keys."""

    folder: Path
    keys: dict[str, bytes]
    keyed: bool
    marks: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._head: list[Finding] = []
        # Before the files, so that they can only be further than it says.
        mark = self._read_head()
        self.verifier = Verifier(self.keys, [*self.marks, *([mark] if mark else [])])
        self._sealer: Sealer | None = None

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all records that can be read, the oldest first. Raises WebqxError without a key."""
        for _, record in auditfiles.walk(self.folder, self.verifier):
            if record.get("kind") == "begin":
                self._open(record)
            yield record

    def plain(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it was before it was encrypted. Raises WebqxError."""
        sealed = record.get("sealed")
        if not isinstance(sealed, str):
            return record
        if self._sealer is None:
            raise WebqxError("the records are encrypted, and no key is at hand for them")
        outer = {key: value for key, value in record.items() if key not in ("sealed", "prev")}
        try:
            inner = json.loads(self._sealer.open(sealed, f"{record['seq']}:{record['prev']}"))
        except ValueError as error:
            return {**outer, "kind": "unreadable", "text": str(error)}
        return {**outer, **inner}

    def findings(self) -> list[Finding]:
        """Return what is wrong, once all records have been read."""
        found = self.verifier.finish(keyed=self.keyed)
        return [*found, *self._head] if self.verifier.records or self._head else found

    def _open(self, begin: dict[str, Any]) -> None:
        self._sealer = None
        key = self.keys.get(str(begin.get("cipher_key", "")))
        if key is not None:
            try:
                self._sealer = Sealer(key, b64decode(str(begin.get("salt", ""))))
            except ValueError:
                return

    def _read_head(self) -> Mark | None:
        known = list(self.keys.values())
        # Which of several keys is the chain's, only a services.toml says.
        for key in known[:1] if self.keyed else [*known, None]:
            try:
                found = auditfiles.read_head_file(self.folder, key)
            except (OSError, ValueError) as error:
                wrong = f"{auditfiles.HEAD}: {error}"
                continue
            if found is not None:
                return found[0]
            wrong = f"{auditfiles.HEAD} is missing: what was cut off at the end cannot be found"
            if not auditfiles.files(self.folder):
                return None
        self._head.append(Finding(None, wrong))
        return None
