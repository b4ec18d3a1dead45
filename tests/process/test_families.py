"""Whose each process is, for many workers at once."""

import os
from dataclasses import dataclass, replace

import pytest
from helpers import auntil

from webqx_supervisor.process import tree, usage
from webqx_supervisor.process.families import families
from webqx_supervisor.process.identity import Identity, boot_id
from webqx_supervisor.process.table import Entry


@dataclass
class Table:
    """A process table, and the cookies in the environments."""

    entries: tuple[Entry, ...]
    cookies: dict[int, str]

    def marks(self, pid):
        return [self.cookies[pid]] if pid in self.cookies else []


def entry(pid, parent, *, group=None, session=None, start=100, running=True):
    return Entry(pid, parent, group or pid, session or pid, start, running, 1.0, 1000)


def leader(pid, start=100):
    return Identity(pid, start, boot_id())


def found(entries, cookies=None, leaders=None):
    leaders = leaders or {"a": leader(10), "b": leader(20)}
    trees = families(leaders, Table(tuple(entries), cookies or {}))
    return {cookie: [each.pid for each in tree] for cookie, tree in trees.items()}


PAIR = (entry(1, 0, start=1), entry(10, 5), entry(20, 5))


def test_descendants_are_in_it_however_deep_and_in_whichever_order():
    deep = (entry(13, 12), entry(11, 10), entry(12, 11), entry(21, 20))
    assert found((*PAIR, *deep)) == {"a": [10, 13, 11, 12], "b": [20, 21]}


def test_who_lost_its_parent_is_known_by_session_group_or_cookie():
    lost = (entry(11, 1, session=10), entry(12, 1, group=20), entry(13, 1), entry(14, 13))
    assert found((*PAIR, *lost), {13: "b"}) == {"a": [10, 11], "b": [20, 12, 13, 14]}


def test_who_lost_its_parent_to_us_is_known_too():
    assert found((*PAIR, entry(11, os.getpid())), {11: "a"})["a"] == [10, 11]


def test_others_and_zombies_are_in_no_tree():
    others = (entry(30, 1), entry(31, 30), entry(32, 10, running=False))
    assert found((*PAIR, *others), {30: "another daemon's"}) == {"a": [10], "b": [20]}


def test_a_leader_that_has_ended_leaves_what_is_in_its_session():
    assert found((entry(11, 1, session=10),))["a"] == [11]


def test_the_next_owner_of_a_pid_is_in_no_tree():
    recycled = (entry(10, 1, start=200), entry(11, 10, start=201))
    assert found(recycled) == {"a": [], "b": []}


def test_one_of_another_boot_has_no_tree():
    old = replace(leader(10), boot_id="another")
    assert found(PAIR, leaders={"a": old})["a"] == []


def test_a_circle_of_parents_ends():  # a table is not of one instant
    assert found((*PAIR, entry(30, 31), entry(31, 30))) == {"a": [10], "b": [20]}


async def test_it_finds_what_the_search_for_one_finds(worker, tmp_path):
    one, other = await worker(worker.ESCAPE, tmp_path / "up"), await worker(worker.SLEEP)
    await auntil((tmp_path / "up").exists)
    leaders = {child.cookie: child.identity for child in (one, other)}
    trees = families(leaders, tree.Snapshot())
    for child in (one, other):
        pids = {each.pid for each in tree.members(child.identity, child.cookie)}
        assert {each.pid for each in trees[child.cookie]} == pids
    used = usage.of_trees(trees, dict.fromkeys(leaders, ""))
    assert used[other.cookie].processes == 1
    assert used[one.cookie].processes == 2


async def test_shared_pages_count_once(worker, tmp_path):
    code = f"""
import os
kept = b"x" * (60 << 20)
for _ in range(3):
    if os.fork() == 0:
        break
open({str(tmp_path / "up")!r} + str(os.getpid()), "w").close()
{worker.SLEEP}
"""
    child = await worker(code)
    await auntil(lambda: len(list(tmp_path.glob("up*"))) == 4)
    trees = families({"a": child.identity}, tree.Snapshot())
    summed = usage.of_trees(trees, {"a": ""})["a"]
    exact = usage.of_trees(trees, {"a": ""}, memory=100 << 20)["a"]
    assert summed.rss_bytes > 240 << 20
    assert 60 << 20 < exact.rss_bytes < 120 << 20


def test_a_process_whose_pages_nobody_may_see_counts_whole():
    gone = replace(entry(2**22 + 1, 1), rss_bytes=4096)
    assert usage.shared_out([gone]) == 4096


@pytest.mark.parametrize("group", ["", "/no/such/cgroup"])
def test_without_a_cgroup_the_processes_are_summed(group):
    told = usage.of_tree([entry(10, 1), replace(entry(11, 10), buried_cpu_seconds=3.0)], group)
    assert told == usage.Usage(5.0, 2000, 2, 2, charged=False)
