import os
import subprocess
import sys

import pytest
from helpers import until

from webqx_supervisor.process import portable, procfs

linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc to compare with")


@linux
def test_both_ways_to_see_a_process_agree():
    ours, theirs = procfs.entry(os.getpid()), portable.entry(os.getpid())
    for name in ("pid", "parent", "group", "session", "running"):
        assert getattr(theirs, name) == getattr(ours, name)
    assert theirs.rss_bytes == pytest.approx(ours.rss_bytes, rel=0.1)
    assert theirs.cpu_seconds == pytest.approx(ours.cpu_seconds, abs=0.1)


@linux
def test_both_ways_count_the_same_descriptors():
    assert procfs.descriptors(os.getpid()) == portable.descriptors(os.getpid())
    assert portable.descriptors(2**22 + 1) is None
    assert procfs.descriptors(2**22 + 1) is None


def test_a_start_time_stays_the_same():
    first, second = portable.entry(os.getpid()), portable.entry(os.getpid())
    assert first.start_time == second.start_time


def test_a_process_that_is_not_there_is_none():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert portable.entry(ended.pid) is None
    assert portable.environment(ended.pid) == []


def test_a_zombie_has_an_entry_that_does_not_run():
    with subprocess.Popen(["true"]) as child:
        until(lambda: not portable.entry(child.pid).running)


def test_every_process_is_listed():
    assert os.getpid() in {entry.pid for entry in portable.entries()}


def test_the_environment_is_the_one_at_exec():
    with subprocess.Popen(["sleep", "60"], env={"A": "1", "B": "x=y"}) as child:
        try:
            until(lambda: b"B=x=y" in portable.environment(child.pid))
        finally:
            child.kill()


def test_the_boot_has_one_name():
    assert portable.boot_id() == portable.boot_id() != ""
