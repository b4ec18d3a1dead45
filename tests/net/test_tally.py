"""The map that all proxies count in, as several processes would see it."""

import contextlib
import os
import subprocess
import sys

import pytest

from webqx_supervisor.net.tally import FREE, ROWS, SIZE, SLOTS, Grid, Tally, create


@pytest.fixture
def fd():
    fd = create()
    yield fd
    os.close(fd)


@pytest.fixture
def grids(fd):
    """The same map, three times."""
    grids = [Grid(os.dup(fd)) for _ in range(3)]
    yield grids
    for grid in grids:
        grid.close()


@pytest.fixture
def tallies(grids):
    for row, grid in enumerate(grids):
        grid.own_slot(SLOTS - 1, 7)
        grid.own_row(row, 100 + row)
    return [Tally(grid, row) for row, grid in enumerate(grids)]


@pytest.mark.parametrize("slot", [0, SLOTS - 1])
def test_what_each_counts_is_summed_up_for_all(tallies, slot):
    for tally, count in zip(tallies, (3, 1, 5), strict=True):
        for _ in range(count):
            tally.add(slot, 1)
    tallies[2].add(slot, -2)
    assert [tally.total(slot) for tally in tallies] == [7, 7, 7]
    assert tallies[0].total(1) == 0


def test_the_smallest_number_of_the_others_is_found(tallies):
    one, two, three = tallies
    assert one.least_of_others(4) == (0, -1)
    one.note(4, 1)
    two.note(4, 9)
    three.note(4, 8)
    assert one.least_of_others(4) == (8, 2)
    assert three.least_of_others(4) == (1, 0)
    three.note(4, 0)
    assert one.least_of_others(4) == (9, 1)


def test_a_row_begins_at_zero_for_its_next_owner(tallies, grids):
    for slot in (0, SLOTS - 1):
        tallies[1].add(slot, 5)
        tallies[2].add(slot, 1)
    grids[0].own_row(1, FREE)
    assert [tallies[0].total(slot) for slot in (0, SLOTS - 1)] == [1, 1]
    assert grids[2].row_owners()[:4] == [100, FREE, 102, FREE]


def test_owners_and_name_are_seen_by_all(grids):
    grids[0].own_slot(3, 1 << 62)
    grids[0].name = 42
    assert grids[1].slot_owners() == [FREE] * 3 + [1 << 62] + [FREE] * (SLOTS - 4)
    assert grids[2].name == 42
    assert len(grids[1].row_owners()) == ROWS


def test_what_is_no_such_map_is_refused(tmp_path):
    (tmp_path / "short").write_bytes(bytes(SIZE - 1))
    fd = os.open(tmp_path / "short", os.O_RDWR)
    with contextlib.closing(os.fdopen(fd, "rb")), pytest.raises(ValueError, match="length"):
        Grid(fd)


HOLDER = """
import sys
from webqx_supervisor.net.tally import Grid
grid = Grid(int(sys.argv[1]))
grid.lock(5)
print("locked", flush=True)
sys.stdin.readline()
grid.put(0, 5, 1)
grid.unlock(5)
"""


@pytest.mark.parametrize("end", ["unlocks", "dies"])
def test_a_lock_keeps_other_processes_out_until_it_is_freed_or_its_holder_dies(fd, grids, end):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(fd)],
        pass_fds=[fd],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "locked\n"
        grids[0].lock(4)  # another slot's is free
        grids[0].unlock(4)
        if end == "dies":
            holder.kill()
        else:
            holder.stdin.write("\n")
            holder.stdin.flush()
        grids[0].lock(5)
        assert grids[0].get(0, 5) == (end == "unlocks")
        grids[0].unlock(5)
