"""What whole process trees use: a worker's command may only have started the program."""

from collections.abc import Sequence

from webqx_supervisor.process import tree
from webqx_supervisor.process.identity import Identity
from webqx_supervisor.process.usage import Usage


def of_trees(trees: Sequence[tuple[Identity, str]]) -> list[Usage]:
    """Return the sums over each tree, given by leader and cookie; blocks for one look at all.

    Memory that processes share is counted for each of them. What has ended counts no more.
    """
    snapshot = tree.Snapshot()
    entries = {entry.pid: entry for entry in snapshot.entries}
    found = []
    for leader, cookie in trees:
        members = [entries[each.pid] for each in tree.members(leader, cookie, (), snapshot)]
        cpu_seconds = sum(member.cpu_seconds for member in members)
        found.append(Usage(cpu_seconds, sum(member.rss_bytes for member in members)))
    return found
