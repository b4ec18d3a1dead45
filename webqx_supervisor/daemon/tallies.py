"""Who owns which row and which slot of the map that all proxies count in (net.tally).

The map is made when it is first needed and lives on in the fd store. Since the owners stand in
it, a daemon that follows finds everything as it was, while the proxies go on counting.
"""

import logging
import os
import random
from collections.abc import Collection
from dataclasses import replace

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.core.balancing.hashing import fingerprint
from webqx_supervisor.core.balancing.policies import counts_load
from webqx_supervisor.model.gateway import Table, UpstreamGroup
from webqx_supervisor.net import tally

log = logging.getLogger(__name__)

NAME = "tally"
"""What the map is called in the fd store."""


class Tallies:
    """The daemon's side of the map."""

    def __init__(self, store: FdStore) -> None:
        self._store = store
        self._grid: tally.Grid | None = None
        self._latest = -1

    def adopt(self, inherited: dict[str, list[int]], living: Collection[int]) -> None:
        """Take over the map of an earlier daemon; free the rows of all but these living pids."""
        first, *copies = inherited.pop(NAME, [-1])
        for fd in copies:
            os.close(fd)
        if first < 0:
            return
        try:
            self._grid = tally.Grid(first)
        except (OSError, ValueError) as error:
            log.warning("the kept map of counts is unusable: %s", error)
            os.close(first)
            self._store.remove(NAME)
            return
        for owner in self._grid.row_owners():
            if owner not in (tally.FREE, *living):
                self.dismiss(owner)

    @property
    def fd(self) -> int:
        """The descriptor of the map, for a proxy that is enrolled."""
        return self._open().fd

    def row(self, pid: int) -> int:
        """Return the row that a proxy has; -1: none."""
        owners = self._grid.row_owners() if self._grid is not None else []
        return owners.index(pid) if pid in owners else -1

    def enroll(self, pid: int) -> int:
        """Return a row for a proxy; -1 when there is none left."""
        grid = self._open()
        owners = grid.row_owners()
        if tally.FREE not in owners:
            log.warning("too many proxies: %d counts for itself", pid)
            return -1
        row = owners.index(tally.FREE)
        grid.own_row(row, pid)
        return row

    def dismiss(self, pid: int) -> None:
        """Free the row of a proxy that has ended, with all that it still counted."""
        row = self.row(pid)
        if row >= 0 and self._grid is not None:
            self._grid.own_row(row, tally.FREE)

    def number(self, table: Table) -> Table:
        """Return the table with the slots of all that its proxies must count together.

        What is in the table keeps its slot. A slot is given away again only when nothing of it
        is counted any more, and as late as possible: a proxy may still follow an older table.
        """
        names = {name for group in table.groups for name in _counted(group)}
        if not names:
            return table
        slots = self._slots({_owner(name) for name in names})
        groups = []
        for group in table.groups:
            counted = _counted(group)
            upstreams = tuple(
                replace(each, slot=slots.get(_owner(each.id), -1)) if each.id in counted else each
                for each in group.upstreams
            )
            own = slots.get(_owner(group.service), -1) if group.service in counted else -1
            groups.append(replace(group, upstreams=upstreams, slot=own))
        return replace(table, groups=tuple(groups))

    def close(self) -> None:
        """Let go of the map, for good: the daemon ends."""
        if self._grid is not None:
            self._grid.close()
            self._grid = None
            self._store.remove(NAME)

    def _slots(self, wanted: Collection[int]) -> dict[int, int]:
        """Return the slot of each fingerprint that is wanted, as far as there are enough."""
        grid = self._open()
        owners = grid.slot_owners()
        for slot, owner in enumerate(owners):
            if owner != tally.FREE and owner not in wanted and not any(grid.column(slot)):
                grid.own_slot(slot, tally.FREE)
                owners[slot] = tally.FREE
        found = {owner: slot for slot, owner in enumerate(owners) if owner in wanted}
        for owner in sorted(set(wanted) - found.keys()):
            free = self._next_free(owners)
            if free < 0:
                log.warning("more workers than can be counted over all proxies")
                break
            owners[free] = owner
            grid.own_slot(free, owner)
            found[owner] = self._latest = free
        return found

    def _next_free(self, owners: list[int]) -> int:
        around = ((self._latest + step) % tally.SLOTS for step in range(1, tally.SLOTS + 1))
        return next((slot for slot in around if owners[slot] == tally.FREE), -1)

    def _open(self) -> tally.Grid:
        if self._grid is None:
            self._grid = tally.Grid(tally.create())
            self._grid.name = random.getrandbits(62)
            self._store.push(NAME, self._grid.fd)
        return self._grid


def is_shared(table: Table) -> bool:
    """Say whether anything in it is counted by all proxies together."""
    groups = table.groups
    return any(each.slot >= 0 for group in groups for each in group.upstreams) or any(
        group.slot >= 0 for group in groups
    )


def _owner(name: str) -> int:
    """Return the number that stands for a name in the map: signed 64 bits, never FREE."""
    return (fingerprint(name.encode()) >> 1) | 1


def _counted(group: UpstreamGroup) -> set[str]:
    """Return the names of what all proxies count together: workers, and a queue by its service."""
    limited = group.forwarding.max_in_flight > 0
    workers = {each.id for each in group.upstreams if limited or counts_load(group.balance)}
    return workers | {group.service} if limited else workers
