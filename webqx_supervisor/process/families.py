"""Whose each process is, for all workers at once and in one pass: for figures, not for signals.

The same marks as in `tree`, but the dear one, a look into the environment, is only asked of those
that have lost their parents. So with some hundred workers it costs little more than the snapshot.
"""

import os
from collections.abc import Mapping

from webqx_supervisor.process.identity import Identity, boot_id
from webqx_supervisor.process.table import Entry
from webqx_supervisor.process.tree import Snapshot


def families(leaders: Mapping[str, Identity], snapshot: Snapshot) -> dict[str, list[Entry]]:
    """Return the living processes of each worker's tree by its cookie; empty where all ended."""
    found: dict[str, list[Entry]] = {cookie: [] for cookie in leaders}
    sorting = _Sorting(leaders, snapshot)
    for entry in snapshot.entries:
        cookie = sorting.owner(entry)
        if cookie and entry.running:
            found[cookie].append(entry)
    return found


class _Sorting:
    """Finds the owner of one process after the other; what it has found helps with the next."""

    def __init__(self, leaders: Mapping[str, Identity], snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._entries = {entry.pid: entry for entry in snapshot.entries}
        self._cookies = {
            leader.pid: cookie
            for cookie, leader in leaders.items()
            if leader.boot_id == boot_id() and not self._is_recycled(leader)
        }
        self._known = frozenset(leaders)
        self._oldest = min((leader.start_time for leader in leaders.values()), default=0)
        # Who loses its parent gets one of these, see PR_SET_CHILD_SUBREAPER of prctl(2).
        self._fosters = {0, 1, os.getppid(), os.getpid()}
        self._owners: dict[int, str] = {}

    def owner(self, entry: Entry) -> str:
        """Return the cookie of the worker whose tree it is in; "" if it is nobody's."""
        line: list[int] = []
        cookie = ""
        while True:
            if entry.pid in self._owners:
                cookie = self._owners[entry.pid]
                break
            line.append(entry.pid)
            cookie = self._own(entry)
            parent = self._entries.get(entry.parent)
            if cookie or parent is None or parent.pid in line:
                break
            entry = parent
        self._owners.update(dict.fromkeys(line, cookie))
        return cookie

    def _own(self, entry: Entry) -> str:
        """Return whose it is by what it bears itself."""
        if entry.start_time < self._oldest:
            return ""
        for number in (entry.pid, entry.session, entry.group):
            if number in self._cookies:
                return self._cookies[number]
        if entry.parent in self._fosters:
            return next(
                (each for each in self._snapshot.marks(entry.pid) if each in self._known), ""
            )
        return ""

    def _is_recycled(self, leader: Identity) -> bool:
        entry = self._entries.get(leader.pid)
        return entry is not None and entry.start_time != leader.start_time
