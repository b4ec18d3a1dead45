"""What a daemon that was killed had started and its journal does not know.

Hooks, commands of probes, a worker of its last instant: nobody waits for them any more, and their
like may be started anew at once.
"""

import os
from collections.abc import Collection

from webqx_supervisor.process.identity import Identity, boot_id
from webqx_supervisor.process.tree import COOKIE_VARIABLE, Snapshot


def strays(
    known: Collection[str],
    keeper: int | None,
    unclaimed: Collection[str] = (),
    snapshot: Snapshot | None = None,
) -> list[tuple[Identity, str]]:
    """Return the processes that are to end, each with the cookie of its tree.

    `known` are the cookies of the journal. The keeper gets the children of a dead daemon, so what
    is among its own with another cookie is ours; so is what has one of the cookies `unclaimed`.
    """
    seen = snapshot or Snapshot()
    ours = os.environ.get(COOKIE_VARIABLE)  # a daemon may itself be the worker of another one
    found = []
    for entry in seen.entries:
        if not entry.running or not (entry.parent == keeper or unclaimed):
            continue
        for mark in seen.marks(entry.pid):
            orphaned = entry.parent == keeper and mark not in known
            if mark != ours and (orphaned or mark in unclaimed):
                found.append((Identity(entry.pid, entry.start_time, boot_id()), mark))
    return found
