"""What each worker's tree consists of, looked up once for all who ask at about the same time."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import trio

from webqx_supervisor.process import tree
from webqx_supervisor.process.families import families
from webqx_supervisor.process.identity import Identity
from webqx_supervisor.process.table import Entry

Trees = Mapping[str, Sequence[Entry]]
"""The processes of each tree by its cookie."""
Leaders = Callable[[], Iterable[tuple[str, Identity]]]

SHARED = 1.0
"""s: who looks from time to time takes the look of another that is no older."""


class Ledger:
    """The trees of all workers."""

    def __init__(self) -> None:
        self._leaders: Leaders = tuple
        self._lock = trio.Lock()
        self._trees: Trees = {}
        self._at = -1e9

    def follow(self, leaders: Leaders) -> None:
        """Take in who tells the cookies and the leaders of the trees that there are."""
        self._leaders = leaders

    async def look(self, age: float = 0.0) -> Trees:
        """Return the trees as they were at most `age` s ago, those of newcomers included."""
        asked = trio.current_time()
        is_whole = all(cookie in self._trees for cookie, _ in self._leaders())
        if asked - self._at > age or not is_whole:
            async with self._lock:
                if self._at < asked:  # else another one has looked meanwhile
                    await self._take()
        return self._trees

    async def memory(self) -> dict[int, int]:
        """Return the octets that each tree has resident, by its leader's pid, as of SHARED s."""
        trees = await self.look(SHARED)
        pids = {cookie: leader.pid for cookie, leader in self._leaders()}
        return {
            pids[cookie]: sum(each.rss_bytes for each in entries)
            for cookie, entries in trees.items()
            if entries and cookie in pids
        }

    async def _take(self) -> None:
        leaders, at = dict(self._leaders()), trio.current_time()
        self._trees = await trio.to_thread.run_sync(lambda: families(leaders, tree.Snapshot()))
        self._at = at
