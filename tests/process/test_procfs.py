import os
import subprocess
import sys

import pytest
from helpers import until

from webqx_supervisor.process import procfs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def test_this_process_is_described():
    found = procfs.entry(os.getpid())
    assert found is not None
    assert (found.pid, found.parent) == (os.getpid(), os.getppid())
    assert (found.group, found.session) == (os.getpgid(0), os.getsid(0))
    assert found.running
    assert found.rss_bytes > 1_000_000
    assert found.cpu_seconds > 0


def test_a_process_that_is_not_there_is_none():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert procfs.entry(ended.pid) is None
    assert procfs.environment(ended.pid) == []


def test_a_zombie_has_an_entry_that_does_not_run():
    with subprocess.Popen(["true"]) as child:
        until(lambda: not procfs.entry(child.pid).running)
        assert procfs.entry(child.pid).parent == os.getpid()


def test_a_name_with_blanks_and_parentheses_does_not_shift_the_fields(tmp_path):
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as child:
        try:
            assert procfs.entry(child.pid).parent == os.getpid()
        finally:
            child.kill()


def test_every_process_is_listed_once():
    pids = [entry.pid for entry in procfs.entries()]
    assert os.getpid() in pids
    assert os.getppid() in pids
    assert len(pids) == len(set(pids))


def test_the_environment_is_the_one_at_exec():
    with subprocess.Popen(["sleep", "60"], env={"A": "1", "B": "x=y"}) as child:
        try:
            until(lambda: b"A=1" in procfs.environment(child.pid))
            assert b"B=x=y" in procfs.environment(child.pid)
        finally:
            child.kill()


def test_a_kernel_thread_has_no_environment():
    assert procfs.environment(2) == []


def test_the_boot_has_one_name():
    assert procfs.boot_id() == procfs.boot_id() != ""


def test_a_process_is_as_old_as_it_is():
    with subprocess.Popen(["sleep", "100"]) as process:
        found = procfs.entry(process.pid)
        assert 0 <= procfs.age(found.start_time) < 60
        process.kill()
    assert procfs.age(procfs.entry(1).start_time) > procfs.age(found.start_time)
