"""What whole process trees use: a worker's command may only have started the program."""

from collections.abc import Sequence

from webqx_supervisor.process import usage
from webqx_supervisor.process.families import families
from webqx_supervisor.process.identity import Identity
from webqx_supervisor.process.tree import Snapshot
from webqx_supervisor.process.usage import Usage


def of_trees(trees: Sequence[tuple[Identity, str]]) -> list[Usage]:
    """Return the sums over each tree, given by leader and cookie; blocks for one look at all.

    Memory that processes share is counted for each of them.
    """
    found = families({cookie: leader for leader, cookie in trees}, Snapshot())
    return [usage.of_tree(found[cookie]) for _, cookie in trees]
