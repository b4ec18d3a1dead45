"""The state folder, mended when somebody has removed it: `rm -r` must not cost the command line.

Without its socket the daemon could not be reached, and without its lock a second one would start
beside it.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import stat

from webqx_supervisor.config.places import Places
from webqx_supervisor.control.fdstore import LOCK, FdStore

LOG_SIZE = 10 * 1024 * 1024
"""Bytes from which daemon.log is put aside as daemon.log.1."""

log = logging.getLogger(__name__)


class StateFolder:
    """`lock` is the descriptor of the locked file in it, open as long as this process lives."""

    def __init__(self, places: Places, store: FdStore, lock: int | None) -> None:
        self._places = places
        self._store = store
        self._lock = lock

    def is_whole(self) -> bool:
        """Say whether socket and lock are still to be found there."""
        return self._places.socket.exists() and self._places.lock.exists()

    def mend(self) -> bool:
        """Make the folders and the lock anew; return whether they are ours.

        They are not if another daemon was started meanwhile. Raises OSError.
        """
        for folder in (self._places.state_dir, self._places.logs, self._places.socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._places.lock.exists() and not self._is_lost():
            return True
        lock = os.open(self._places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._store.remove(LOCK)
        self._store.push(LOCK, lock)
        if self._lock is not None:
            os.close(self._lock)
        self._lock = lock
        self._reopen_log()
        return True

    def log_is_long(self) -> bool:
        """Say whether daemon.log is to be put aside."""
        with contextlib.suppress(OSError):
            return self._places.daemon_log.stat().st_size >= LOG_SIZE
        return False

    def put_log_aside(self) -> None:
        """Copy daemon.log to daemon.log.1 and empty it: keeper, daemon and proxies write on to it.

        They all append, so they need not know. A line written in between is lost. May be called
        in a thread. Raises OSError.
        """
        aside = self._places.daemon_log.with_name(f"{self._places.daemon_log.name}.1")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with (
            self._places.daemon_log.open("r+b") as full,
            os.fdopen(os.open(aside, flags, 0o600), "wb") as copy,
        ):
            shutil.copyfileobj(full, copy)
            full.truncate(0)

    def _is_lost(self) -> bool:
        """Say whether the file that is locked is not the one that others would lock."""
        return self._lock is None or os.fstat(self._lock).st_nlink == 0

    def _reopen_log(self) -> None:
        """Write on to a new daemon.log, where the old one is gone as well."""
        with contextlib.suppress(OSError):
            seen = os.fstat(2)
            if stat.S_ISREG(seen.st_mode) and not seen.st_nlink:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                opened = os.open(self._places.daemon_log, flags, 0o600)
                os.dup2(opened, 1)
                os.dup2(opened, 2)
                os.close(opened)
