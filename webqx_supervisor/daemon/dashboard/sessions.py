"""Which browsers were let in: by a code that is good once, and then by a cookie.

Only digests are kept, in a file that outlives the daemon: who reads it can enter nowhere.
"""

import hashlib
import json
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from webqx_supervisor.config.places import write_atomically

log = logging.getLogger(__name__)

CODE_LIFE = 60.0
"""s in which a code must be used."""
LIFE = 30 * 86400.0
"""s for which a browser is known."""
MOST = 100
"""So many browsers are known at a time; the oldest is forgotten first."""


class Sessions:
    """The codes that were given out, and the browsers that came with one."""

    def __init__(self, path: Path, wall_clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = wall_clock
        self._codes: dict[str, float] = {}
        self._known = _read(path)

    def invite(self) -> str:
        """Return a code that lets one browser in, once."""
        code = secrets.token_urlsafe(32)
        self._codes = {each: end for each, end in self._codes.items() if end > self._now()}
        self._codes[_digest(code)] = self._now() + CODE_LIFE
        return code

    def admit(self, code: str) -> str | None:
        """Return the token of a new session, None if the code is not good, or no more."""
        if self._codes.pop(_digest(code), 0.0) <= self._now():
            return None
        token = secrets.token_urlsafe(32)
        self._known[_digest(token)] = self._now() + LIFE
        self._known = dict(sorted(self._known.items(), key=lambda item: item[1])[-MOST:])
        self._save()
        return token

    def knows(self, token: str) -> bool:
        """Tell whether this is the token of a session that goes on."""
        return self._known.get(_digest(token), 0.0) > self._now()

    def end(self, token: str) -> None:
        """End a session."""
        if self._known.pop(_digest(token), None) is not None:
            self._save()

    def _save(self) -> None:
        try:
            write_atomically(self._path, json.dumps(self._known).encode(), durable=False)
        except OSError as error:  # they are known until the daemon ends
            log.warning("cannot keep who may see the dashboard: %s", error)


def _read(path: Path) -> dict[str, float]:
    with suppress(OSError, ValueError):
        kept = json.loads(path.read_bytes())
        if isinstance(kept, dict):
            return {str(each): float(end) for each, end in kept.items()}
    return {}


def _digest(secret: str) -> str:
    # Looking a digest up tells nothing by its time: nobody can choose what it is near to.
    return hashlib.sha256(secret.encode()).hexdigest()
