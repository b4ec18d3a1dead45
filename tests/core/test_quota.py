"""Limits of trees: when to look, what is too much, and whether a fresh worker helps."""

import pytest

from webqx_supervisor.core.quarantine import may_be_to_blame
from webqx_supervisor.core.quota import (
    CPU_WINDOW,
    INTERVAL,
    LONGEST_WAIT,
    NEAR_INTERVAL,
    CpuQuota,
    Load,
    SoftLimit,
    excess,
    measures,
    pause,
    size,
    unheld,
)
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.quota import Quota

ALL = ("memory", "cpu", "pids")
QUOTA = Quota(memory_soft=500, memory=1000, cpu=1.5, pids=20)


@pytest.mark.parametrize(
    ("loads", "held", "expected"),
    [
        ([], (), INTERVAL),
        ([Load(100, 2), Load(390, 2)], (), INTERVAL),
        ([Load(100, 2), Load(410, 2)], (), NEAR_INTERVAL),
        ([Load(100, 17)], (), NEAR_INTERVAL),
        ([Load(100, 17)], ALL, INTERVAL),
        ([Load(410, 2)], ALL, NEAR_INTERVAL),
    ],
)
def test_what_is_near_a_limit_that_nobody_else_holds_is_looked_at_more_often(loads, held, expected):
    assert pause(QUOTA, held, loads) == expected


def test_what_is_above_a_hard_limit_is_told_with_figures():
    quota = Quota(memory=512 << 20, pids=200)
    assert excess(quota, (), Load(512 << 20, 200)) == ""
    over = "over its memory limit of 512M: 613.5M"
    assert excess(quota, (), Load(int(613.5 * 2**20), 2)) == over
    over = "over its limit of 200 processes and threads: 201"
    assert excess(quota, (), Load(0, 201)) == over


def test_what_the_kernel_holds_is_nobody_elses_business():
    assert excess(QUOTA, ALL, Load(10**9, 10**6)) == ""
    assert not unheld(QUOTA, ALL)
    assert unheld(QUOTA, ("memory", "pids"))
    assert not unheld(Quota(memory_soft=1, nice=3), ())


def test_who_is_killed_for_its_memory_may_be_so_over_a_request():
    verdict = excess(Quota(memory=1), (), Load(2, 1))
    assert may_be_to_blame(Exit(signal=9), verdict)
    assert not may_be_to_blame(Exit(signal=9), "")


def test_each_limit_is_told_with_its_means():
    looked = "looked at every 5 s, every 1 s from 80% on"
    assert measures(QUOTA, ("memory",)) == (
        f"memory_soft 500: {looked}; replaced",
        "memory 1000: cgroup memory.max",
        "cpu 150%: not held without a cgroup; more is an event",
        f"pids 20: {looked}; killed",
    )
    assert measures(Quota(), ()) == ()
    assert measures(QUOTA, ALL)[2:] == ("cpu 150%: cgroup cpu.max", "pids 20: cgroup pids.max")


def test_what_each_process_is_held_to_is_told_as_the_file_has_it():
    quota = Quota(nice=-3, io="idle", cpus=(0, 2), umask=0o27, nofile=99, core=0)
    words = ("nice -3", "io idle", "cpus 0, 2", "umask 027", "nofile 99", "core 0")
    assert measures(quota, ()) == words
    assert measures(Quota(core=-1), ()) == ("core unlimited",)


def steps(rule, *looks, healthy_after=10):
    """Give the rule (who, over, served) looks; return what follows from each."""
    return [
        rule.look(who, over=over, served=served, healthy_after=healthy_after)
        for who, over, served in looks
    ]


def test_who_has_served_for_a_while_is_replaced_at_once():
    looks = ("a", False, 3), ("a", True, 11), ("b", True, 3600), ("b", False, 3605)
    assert steps(SoftLimit(), *looks) == ["nothing", "replace", "replace", "nothing"]


def test_who_is_too_big_at_once_serves_ever_longer():
    rule = SoftLimit()
    looks = ("a", True, 2), ("a", True, 19), ("a", True, 20), ("b", True, 2), ("b", True, 39)
    assert steps(rule, *looks) == ["warn", "wait", "replace", "warn", "wait"]
    assert rule.due == 40
    for number in range(100):
        steps(rule, (str(number), True, 2))
    assert rule.due == LONGEST_WAIT


def test_a_good_time_ends_the_waiting():
    rule = SoftLimit()
    assert steps(rule, ("a", True, 2), ("b", True, 50), ("c", True, 2)) == [
        *("warn", "replace", "warn"),
    ]
    assert rule.due == 20


def test_a_short_healthy_time_makes_nobody_seem_to_have_grown_who_was_born_big():
    born, grown = SoftLimit(), SoftLimit()
    assert steps(born, ("a", True, 4.9), healthy_after=0.1) == ["warn"]
    assert steps(grown, ("a", False, 0.5), ("a", True, 1), healthy_after=0.1) == [
        *("nothing", "replace"),
    ]


def test_a_cpu_quota_is_looked_at_over_a_minute_and_told_once():
    meter = CpuQuota(1.5)
    assert meter.read(0, 0) == 0
    assert meter.read(1, 100) == 0
    assert meter.read(CPU_WINDOW, 2 * CPU_WINDOW) == 2
    assert meter.read(2 * CPU_WINDOW, 4 * CPU_WINDOW) == 0  # told already
    assert meter.read(3 * CPU_WINDOW, 5 * CPU_WINDOW) == 0
    assert meter.read(4 * CPU_WINDOW, 7 * CPU_WINDOW) == 2


@pytest.mark.parametrize(
    ("octets", "text"), [(0, "0"), (1536, "1.5k"), (512 << 20, "512M"), (5 << 40, "5120G")]
)
def test_a_size_is_what_a_person_reads(octets, text):
    assert size(octets) == text
