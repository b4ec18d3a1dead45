"""Everything a worker started ends with it.

A process belongs to a worker when it is in the session or the process group that the worker
leads, or carries the worker's cookie in its environment, or descends from one that does. The
cookie finds those that made a session of their own and lost their parent; the session finds
those that were started with a clean environment.
"""

import signal
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import trio

from webqx_supervisor.process import table
from webqx_supervisor.process.handle import Handle
from webqx_supervisor.process.identity import Identity, boot_id
from webqx_supervisor.process.table import Entry

COOKIE_VARIABLE = "WEBQX_SV_WORKER"
KILL_ROUNDS = 10
"""A tree may fork while it is killed, so it is looked for so many times."""
KILL_WAIT = 1.0
"""Seconds for killed processes to vanish; one that waits for a broken disk may take longer."""


def members(leader: Identity, cookie: str, known: Collection[Identity] = ()) -> list[Identity]:
    """Return the living processes of one worker's tree, the leader included.

    `known` are members seen before, which may have lost what made them recognisable: their
    parent. Blocks for one pass over the process table, some 10 µs a process.
    """
    if leader.boot_id != boot_id():
        return []
    # Nothing older than the leader can be its offspring, so most of the table is left out.
    young = {entry.pid: entry for entry in table.entries() if entry.start_time >= leader.start_time}
    roots = {entry.pid for entry in young.values() if _is_root(entry, leader, cookie, young)}
    seen = {(each.pid, each.start_time) for each in known}
    roots |= {entry.pid for entry in young.values() if (entry.pid, entry.start_time) in seen}
    return [
        Identity(entry.pid, entry.start_time, leader.boot_id)
        for entry in _with_descendants(roots, young)
        if entry.running
    ]


async def end(leader: Identity, cookie: str, stop_signal: int, grace: float) -> int:
    """Ask the whole tree to leave, and kill what is still there after `grace` seconds.

    Returns how many had to be killed. When it returns, nothing is left but what SIGKILL cannot
    end: a process of another user, or one that the kernel holds.
    """
    tree = _Tree(leader, cookie)
    with trio.move_on_after(grace):
        await tree.ask_to_leave(stop_signal)
        return 0
    return await tree.kill()


async def kill_leftovers(leader: Identity, cookie: str) -> int:
    """Kill what a worker that has ended left behind; return how many there were.

    Call it as soon as the end is known: what has neither the cookie nor a parent is recognised
    by the number of its session, which means something else once the pid has been reused.
    """
    return await _Tree(leader, cookie).kill()


class _Tree:
    """The processes of one worker, those that are found late included."""

    def __init__(self, leader: Identity, cookie: str) -> None:
        self._leader = leader
        self._cookie = cookie
        self._known: set[Identity] = set()

    async def ask_to_leave(self, stop_signal: int) -> None:
        """Send each member the signal once, and return when none is left."""
        asked: set[Identity] = set()
        while found := await self._find():
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
            found = await self._find()
            if not found:
                break
            with _held(found) as handles, trio.move_on_after(KILL_WAIT):
                killed.update(h.identity for h in handles if h.send_signal(signal.SIGKILL))
                await _all_ended(handles)
        return len(killed)

    async def _find(self) -> list[Identity]:
        known = frozenset(self._known)
        found = await trio.to_thread.run_sync(members, self._leader, self._cookie, known)
        self._known.update(found)
        return found


def _is_root(entry: Entry, leader: Identity, cookie: str, young: dict[int, Entry]) -> bool:
    if entry.pid == leader.pid:
        return entry.start_time == leader.start_time
    marks = [
        pair.partition(b"=")[2].decode("ascii", "replace")
        for pair in table.environment(entry.pid)
        if pair.startswith(COOKIE_VARIABLE.encode() + b"=")
    ]
    if marks:
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
