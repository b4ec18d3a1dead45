"""Rows and slots of the shared map: kept, taken back, never given to two."""

import os
from dataclasses import replace

import pytest

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.tallies import NAME, Tallies
from webqx_supervisor.model.gateway import (
    Balance,
    Forwarding,
    Policy,
    Table,
    Upstream,
    UpstreamGroup,
)
from webqx_supervisor.net.tally import ROWS, SLOTS, Grid, Tally, create

COUNTED = Balance(Policy.LEAST_CONNECTIONS)
LIMITED = Forwarding(max_in_flight=1)


def group(*pids, balance=COUNTED, forwarding=None, service="api"):
    upstreams = tuple(Upstream(f"{service}:1@{pid}", "h", 1, pid) for pid in pids)
    return UpstreamGroup(service, upstreams, forwarding or Forwarding(), balance=balance)


def slots(tallies, *groups):
    table = tallies.number(Table(1, groups=groups))
    return [upstream.slot for each in table.groups for upstream in each.upstreams]


@pytest.fixture
def tallies():
    tallies = Tallies(FdStore(""))
    yield tallies
    tallies.close()


def test_only_what_must_be_counted_together_has_a_slot(tallies):
    groups = (
        group(1, balance=Balance(), service="plain"),
        group(2, balance=Balance(Policy.HASH), service="hash"),
        group(3, balance=Balance(Policy.TWO_CHOICES), service="two"),
        group(4, balance=Balance(), forwarding=LIMITED, service="limited"),
    )
    table = tallies.number(Table(1, groups=groups))
    assert [each.upstreams[0].slot >= 0 for each in table.groups] == [False, False, True, True]
    assert [each.slot >= 0 for each in table.groups] == [False, False, False, True]
    assert tallies.number(Table(2, groups=groups)) == replace(table, version=2)


def test_a_table_without_anything_to_count_needs_no_map(tallies):
    table = Table(1, groups=(group(1, balance=Balance()),))
    assert tallies.number(table) is table
    assert tallies._grid is None


def test_no_two_have_one_slot_and_who_stays_keeps_it(tallies):
    first = slots(tallies, group(1, 2, 3))
    assert len(set(first)) == 3
    second = slots(tallies, group(4, 3, 1))
    assert second[1:] == [first[2], first[0]]
    assert second[0] not in first


def test_a_slot_is_not_given_away_while_anything_is_counted_in_it(tallies):
    (old,) = slots(tallies, group(1))
    row = tallies.enroll(5000)
    grid = Grid(os.dup(tallies.fd))
    Tally(grid, row).add(old, 1)
    for pid in range(10, 10 + 2 * SLOTS):
        assert slots(tallies, group(pid)) != [old]
    Tally(grid, row).add(old, -1)
    assert [old] in [slots(tallies, group(pid)) for pid in range(5000, 5000 + SLOTS)]
    grid.close()


def test_more_than_there_are_slots_for_count_for_themselves(tallies):
    numbers = slots(tallies, group(*range(1, SLOTS + 11)))
    assert sorted(numbers) == [-1] * 10 + list(range(SLOTS))


def test_rows_are_enrolled_and_freed_with_what_was_counted(tallies):
    (slot,) = slots(tallies, group(1))
    rows = [tallies.enroll(pid) for pid in (11, 12)]
    assert rows == [tallies.row(11), tallies.row(12)] == [0, 1]
    grid = Grid(os.dup(tallies.fd))
    Tally(grid, 0).add(slot, 3)
    tallies.dismiss(11)
    assert grid.column(slot) == [0, 0]
    assert tallies.row(11) == -1
    assert tallies.enroll(13) == 0
    grid.close()


def test_there_are_only_so_many_rows(tallies):
    rows = [tallies.enroll(pid) for pid in range(1, ROWS + 2)]
    assert rows == [*range(ROWS), -1]


def test_the_next_daemon_finds_rows_slots_and_counts_and_frees_those_of_the_dead(tallies):
    kept = slots(tallies, group(1, 2))
    alive, dead = tallies.enroll(11), tallies.enroll(12)
    grid = Grid(os.dup(tallies.fd))
    Tally(grid, alive).add(kept[0], 1)
    Tally(grid, dead).add(kept[0], 1)
    inherited = {NAME: [os.dup(tallies.fd), os.dup(tallies.fd)], "other": []}
    successor = Tallies(FdStore(""))
    successor.adopt(inherited, [11])
    assert inherited == {"other": []}
    assert (successor.row(11), successor.row(12)) == (alive, -1)
    assert slots(successor, group(2, 1)) == kept[::-1]
    assert grid.column(kept[0]) == [1, 0]
    successor.close()
    grid.close()


def test_a_kept_descriptor_that_is_no_map_is_let_go(tallies):
    fd = create()
    os.ftruncate(fd, 10)
    tallies.adopt({NAME: [fd]}, [])
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
    assert slots(tallies, group(1)) == [0]
