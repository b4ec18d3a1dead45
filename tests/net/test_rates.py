"""The table of rate limits: exact over all processes, in bounded memory, whoever dies."""

import fcntl
import os
import subprocess
import sys
from collections import Counter

import pytest

from webqx_supervisor.core.ratelimit import SECOND, Quota
from webqx_supervisor.model.limits import RateLimit
from webqx_supervisor.net.rates import BUCKETS, PLACES, SIZE, STRIPES, Accounts, Rates, create


class Clock:
    def __init__(self):
        self.now = 1000 * SECOND

    def __call__(self):
        return self.now


def quota(count=10, period=1.0, burst=10, delay=False):
    return Quota(RateLimit(count, period, burst, delay=delay))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fd():
    fd = create()
    yield fd
    os.close(fd)


@pytest.fixture
def table(fd, clock):
    table = Rates(os.dup(fd), clock)
    yield table
    table.close()


def accounts(table, *names, client=b"a", **limit):
    return Accounts(table.account(quota(**limit), name, client) for name in names)


def test_a_burst_passes_and_the_next_request_must_wait(table, clock):
    mine = accounts(table, b"x")
    assert [table.take(mine) for _ in range(10)] == [0] * 10
    wait = table.take(mine)
    assert wait == SECOND // 10
    clock.now += wait - 1
    assert table.take(mine) == 1
    clock.now += 1
    assert table.take(mine) == 0


def test_all_limits_count_a_request_or_none(table, clock):
    narrow, wide = accounts(table, b"narrow", burst=3), accounts(table, b"wide", burst=9)
    both = Accounts([*narrow.all, *wide.all])
    assert [table.take(both) for _ in range(3)] == [0] * 3
    assert both.tightest is narrow.all[0]
    assert table.take(both) > 0
    assert [table.take(wide) > 0 for _ in range(7)] == [False] * 6 + [True]


def test_who_must_wait_longest_is_the_tightest(table):
    quick = accounts(table, b"quick", burst=1)
    slow = accounts(table, b"slow", count=1, period=60.0, burst=1)
    both = Accounts([*quick.all, *slow.all])
    table.take(both)
    assert table.take(both) == 60 * SECOND
    assert both.tightest is slow.all[0]


def test_limits_and_clients_have_accounts_of_their_own(table):
    for name, client in ((b"x", b"a"), (b"x", b"b"), (b"y", b"a"), (b"y", b"b")):
        mine = accounts(table, name, client=client)
        assert [table.take(mine) > 0 for _ in range(11)] == [False] * 10 + [True]


def test_every_one_who_has_the_table_sees_the_same_account(fd, table, clock):
    other = Rates(os.dup(fd), clock)
    assert other.secret == table.secret
    for each in (table, other) * 5:
        assert each.take(accounts(each, b"x")) == 0
    assert table.take(accounts(table, b"x")) > 0
    assert other.take(accounts(other, b"x")) > 0
    other.close()


def test_a_request_of_a_delayed_limit_is_held_until_its_time(table, clock):
    mine = accounts(table, b"x", burst=4, delay=True)
    holds = []
    for _ in range(4):
        assert table.take(mine) == 0
        holds.append(mine.hold)
    assert holds == [step * SECOND // 10 for step in range(4)]
    assert table.take(mine) > 0
    clock.now += 10 * SECOND
    assert (table.take(mine), mine.hold) == (0, 0)


def crowd(table, size, **limit):
    """Fill one bucket with clients."""
    first = accounts(table, b"x", client=b"0", **limit).all[0].bucket
    found, number = [], 0
    while len(found) < size:
        each = accounts(table, b"x", client=b"%d" % number, **limit)
        if each.all[0].bucket == first:
            found.append(each)
        number += 1
    return found


def test_when_a_bucket_is_full_of_the_living_the_one_soonest_over_goes(table, clock):
    limit = {"count": 1, "burst": 2}
    clients = crowd(table, PLACES + 1, **limit)
    for each in clients[:-1]:
        assert table.take(each) == 0
        clock.now += 1
    assert not table.crowded
    assert table.take(clients[-1]) == 0
    assert (table.crowded, table.forgotten()) == (True, 1)
    # All but the first are still known.
    for each in clients[1:]:
        assert table.take(each) == 0
        assert table.take(each) > 0


def test_who_is_over_makes_room_and_nobody_is_forgotten(table, clock):
    clients = crowd(table, PLACES + 1)
    for each in clients[:-1]:
        table.take(each)
    clock.now += SECOND
    assert table.take(clients[-1]) == 0
    assert table.forgotten() == 0


def test_two_limits_of_one_bucket_do_not_take_one_place(table, clock):
    """A place that one of them finds over is not written by both."""
    clients = crowd(table, 2)
    old, new = (each.all[0] for each in clients)
    table.take(clients[0])
    clock.now += 100 * SECOND  # `old` is over: its place may be taken
    assert table.take(Accounts([new, old])) == 0
    for each in clients:
        assert [table.take(each) > 0 for _ in range(10)] == [False] * 9 + [True]


def test_millions_of_clients_take_no_more_memory_than_the_table(table, fd):
    for number in range(3000):
        table.take(accounts(table, b"x", client=b"%d" % number))
    assert os.fstat(fd).st_size == SIZE
    assert STRIPES * BUCKETS * PLACES == 262_144


def test_clients_are_spread_over_stripes_and_buckets(table):
    spread = Counter(
        accounts(table, b"x", client=b"%d" % number).all[0].bucket for number in range(4096)
    )
    assert max(spread.values()) <= 8  # of 16384 buckets


def test_two_tables_know_a_client_by_different_hashes(table):
    other = Rates(create())
    one, two = (accounts(each, b"x").all[0] for each in (table, other))
    assert (one.bucket, one.tag) != (two.bucket, two.tag)
    other.close()


@pytest.mark.parametrize("octets", [b"", bytes(SIZE), b"\xff" * 100])
def test_what_is_no_such_table_is_refused(tmp_path, octets):
    (tmp_path / "file").write_bytes(octets)
    fd = os.open(tmp_path / "file", os.O_RDWR)
    with pytest.raises(ValueError, match=r"length|layout|empty"):
        Rates(fd)
    os.close(fd)


HAMMER = """
import os, sys
from time import monotonic_ns
from webqx_supervisor.core.ratelimit import Quota
from webqx_supervisor.model.limits import RateLimit
from webqx_supervisor.net.rates import Accounts, Rates
class Interrupted(Quota):
    def lacks(self, due, now):
        os.sched_yield()  # between the look at an account and what is taken from it
        return super().lacks(due, now)
table = Rates(int(sys.argv[1]))
both = Accounts(
    table.account(Interrupted(RateLimit(*limit)), name, b"client")
    for name, limit in ((b"one", (1000, 1.0, 2000)), (b"two", (60_000, 60.0, 3000)))
)
print("ready", flush=True)
sys.stdin.readline()
begin, passed = monotonic_ns(), 0
for _ in range(2000):
    passed += table.take(both) == 0
print(begin, monotonic_ns(), passed, flush=True)
"""


def start(program, fd):
    return subprocess.Popen(
        [sys.executable, "-c", program, str(fd)],
        pass_fds=[fd],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_four_processes_together_let_pass_what_one_would(fd):
    hammers = [start(HAMMER, fd) for _ in range(4)]
    for each in hammers:
        assert each.stdout.readline() == "ready\n"
    for each in hammers:
        each.stdin.write("\n")
        each.stdin.flush()
    results = [tuple(map(int, each.stdout.readline().split())) for each in hammers]
    for each in hammers:
        each.communicate()
    span = (max(end for _, end, _ in results) - min(begin for begin, _, _ in results)) / SECOND
    total = sum(passed for _, _, passed in results)
    assert 2000 <= total <= 2000 + 1000 * span


HOLDER = """
import sys
from webqx_supervisor.net import rates
table = rates.Rates(int(sys.argv[1]))
rates.lock(table.fd, int(sys.stdin.readline()))
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_killed_process_leaves_no_lock_behind(fd, table):
    mine = accounts(table, b"x")
    with start(HOLDER, fd) as holder:
        holder.stdin.write(f"{mine.stripes[0]}\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(OSError, match="unavailable"):
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, mine.stripes[0])
        holder.kill()
        assert table.take(mine) == 0
