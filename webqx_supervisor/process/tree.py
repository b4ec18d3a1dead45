"""Everything a worker started ends with it.

A process belongs to a worker when it is in the session or the process group that the worker
leads, or carries the worker's cookie in its environment, or descends from one that does. The
cookie finds those that made a session of their own and lost their parent; the session finds
those that were started with a clean environment. Where the worker has a cgroup, that finds all.
"""

import itertools
import logging
import signal
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import trio

from webqx_supervisor.process import cgroups, table
from webqx_supervisor.process.handle import Handle
from webqx_supervisor.process.identity import Identity, boot_id, identify
from webqx_supervisor.process.table import Entry

log = logging.getLogger(__name__)

COOKIE_VARIABLE = "WEBQX_SV_WORKER"
KILL_ROUNDS = 10
"""A tree may fork while it is killed, so it is looked for so many times."""
KILL_WAIT = 1.0
"""Seconds for killed processes to vanish; one that waits for a broken disk may take longer."""


class Snapshot:
    """The process table of one moment; blocks for one pass over it, some 10 µs a process."""

    def __init__(self) -> None:
        self.entries = tuple(table.entries())
        self._marks: dict[int, list[str]] = {}

    def marks(self, pid: int) -> list[str]:
        """Return the cookies in the environment of a process."""
        if pid not in self._marks:
            self._marks[pid] = _marks(pid)
        return self._marks[pid]


class Census:
    """Gives everybody a snapshot that is younger than the question, with few of them taken.

    Who asks while one is being taken shares the next with all others who do: when some hundred
    workers end at once, each looking at all processes by itself would take seconds.
    """

    def __init__(self, take: Callable[[], Snapshot] = Snapshot) -> None:
        self._take = take
        self._lock = trio.Lock()
        self._questions = itertools.count(1)
        self._asked = 0
        self._answered = 0
        self._snapshot: Snapshot | None = None

    async def ask(self) -> Snapshot:
        """Return a snapshot that was begun after this call."""
        mine = self._asked = next(self._questions)
        async with self._lock:
            if self._snapshot is None or self._answered < mine:
                asked = self._asked
                self._snapshot = await trio.to_thread.run_sync(self._take)
                self._answered = asked
            snapshot = self._snapshot
            if not self._lock.statistics().tasks_waiting:
                self._snapshot = None  # nobody else may have it: it grows old
            return snapshot


_census = Census()


def members(
    leader: Identity,
    cookie: str,
    known: Collection[Identity] = (),
    snapshot: Snapshot | None = None,
) -> list[Identity]:
    """Return the living processes of one worker's tree, the leader included.

    `known` are members seen before, which may have lost what made them recognisable: their
    parent. Without a snapshot it takes one, and blocks as long.
    """
    if leader.boot_id != boot_id():
        return []
    seen_now = snapshot or Snapshot()
    # Nothing older than the leader can be its offspring, so most of the table is left out.
    young = {e.pid: e for e in seen_now.entries if e.start_time >= leader.start_time}
    roots = {e.pid for e in young.values() if _is_root(e, leader, cookie, young, seen_now)}
    seen = {(each.pid, each.start_time) for each in known}
    roots |= {entry.pid for entry in young.values() if (entry.pid, entry.start_time) in seen}
    return [
        Identity(entry.pid, entry.start_time, leader.boot_id)
        for entry in _with_descendants(roots, young)
        if entry.running
    ]


def holds(leader: Identity, cookie: str, pid: int) -> bool:
    """Say whether this living process belongs to a worker's tree; looks at its forebears alone.

    The leader counts even when it has ended: its pid is kept until somebody has waited for it.
    """
    owner = table.entry(leader.pid)
    recycled = owner is not None and owner.start_time != leader.start_time
    while (seen := table.entry(pid)) is not None and seen.start_time >= leader.start_time:
        if pid != leader.pid and (marks := _marks(pid)):
            return cookie in marks
        if leader.pid in (pid, seen.session, seen.group):
            return not recycled
        pid = seen.parent
    return False


async def end(
    leader: Identity,
    cookie: str,
    stop_signal: int,
    grace: float | trio.CancelScope,
    cgroup: str = "",
) -> int:
    """Ask the whole tree to leave, and kill what is still there after `grace` seconds.

    A scope in place of seconds has a deadline that the caller may move.
    Returns how many had to be killed. When it returns, nothing is left but what SIGKILL cannot
    end: a process of another user, or one that the kernel holds.
    """
    tree = _Tree(leader, cookie, cgroup)
    scope = grace if isinstance(grace, trio.CancelScope) else trio.move_on_after(grace)
    with scope:
        await tree.ask_to_leave(stop_signal)
        return 0
    return await tree.kill()


async def kill_leftovers(leader: Identity, cookie: str, cgroup: str = "") -> int:
    """Kill what a worker that has ended left behind, and its cgroup; return how many there were.

    Call it as soon as the end is known: what has neither the cookie nor a parent is recognised
    by the number of its session, which means something else once the pid has been reused.
    """
    tree = _Tree(leader, cookie, cgroup)
    killed = await tree.kill()
    if cgroup and not cgroups.remove(cgroup):
        log.warning("the cgroup %s cannot be removed", cgroup)
    return killed


async def send(leader: Identity, cookie: str, number: int, cgroup: str = "") -> int:
    """Send a signal once to every process of the tree; return how many got it."""
    with _held(await _Tree(leader, cookie, cgroup).find()) as handles:
        return sum(handle.send_signal(number) for handle in handles)


class _Tree:
    """The processes of one worker, those that are found late included."""

    def __init__(self, leader: Identity, cookie: str, cgroup: str) -> None:
        self._leader = leader
        self._cookie = cookie
        self._cgroup = cgroup
        self._known: set[Identity] = set()

    async def ask_to_leave(self, stop_signal: int) -> None:
        """Send each member the signal once, and return when none is left."""
        asked: set[Identity] = set()
        while found := await self.find():
            with _held(found) as handles:
                for handle in handles:
                    if handle.identity not in asked:
                        handle.send_signal(stop_signal)
                        handle.send_signal(signal.SIGCONT)  # a stopped process heeds nothing else
                asked.update(found)
                await _all_ended(handles)

    async def kill(self) -> int:
        """Kill all members, and those that they fork meanwhile; return how many there were."""
        killed: set[Identity] = set()
        for _ in range(KILL_ROUNDS):
            found = await self.find()
            if not found:
                break
            with _held(found) as handles, trio.move_on_after(KILL_WAIT):
                killed.update(h.identity for h in handles if h.send_signal(signal.SIGKILL))
                if self._cgroup:
                    cgroups.kill(self._cgroup)  # those too that are forked meanwhile
                await _all_ended(handles)
        return len(killed)

    async def find(self) -> list[Identity]:
        """Return those that are there now, and remember them."""
        if self._cgroup:
            self._known |= self._in_cgroup()
        known, snapshot = frozenset(self._known), await _census.ask()
        found = await trio.to_thread.run_sync(members, self._leader, self._cookie, known, snapshot)
        self._known.update(found)
        return found

    def _in_cgroup(self) -> set[Identity]:
        found = map(identify, cgroups.members(self._cgroup))
        return {each for each in found if each is not None}


def _marks(pid: int) -> list[str]:
    return [
        pair.partition(b"=")[2].decode("ascii", "replace")
        for pair in table.environment(pid)
        if pair.startswith(COOKIE_VARIABLE.encode() + b"=")
    ]


def _is_root(
    entry: Entry, leader: Identity, cookie: str, young: dict[int, Entry], snapshot: Snapshot
) -> bool:
    if entry.pid == leader.pid:
        return entry.start_time == leader.start_time
    if marks := snapshot.marks(entry.pid):
        return cookie in marks  # another worker's mark: that worker got our leader's old pid
    # The kernel gives no pid away while a session or group bears its number, so these are the
    # leader's unless the pid has an owner again.
    owner = young.get(leader.pid)
    recycled = owner is not None and owner.start_time != leader.start_time
    return leader.pid in (entry.session, entry.group) and not recycled


def _with_descendants(roots: set[int], young: dict[int, Entry]) -> Iterator[Entry]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in young.values():
        children[entry.parent].append(entry.pid)
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in seen:
            seen.add(pid)
            waiting += children[pid]
            yield young[pid]


@contextmanager
def _held(identities: Iterable[Identity]) -> Iterator[list[Handle]]:
    with ExitStack() as stack:
        handles = (Handle.open(identity) for identity in identities)
        yield [stack.enter_context(handle) for handle in handles if handle is not None]


async def _all_ended(handles: Iterable[Handle]) -> None:
    async with trio.open_nursery() as nursery:
        for handle in handles:
            nursery.start_soon(handle.wait)
