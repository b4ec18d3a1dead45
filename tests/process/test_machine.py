import ctypes
import os
import sys
import time

import pytest

from webqx_supervisor.process import machine

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux' /proc")


@linux
def test_what_the_kernel_says_of_ports():
    low, high = machine.port_range()
    assert 0 < low < high < 65536
    assert isinstance(machine.reserved_ports(), str)
    assert 0 <= machine.first_unprivileged_port() <= 1024


@linux
def test_the_capability_is_that_of_root():
    if os.geteuid() == 0:
        assert machine.may_bind_low() in (True, False)
    assert machine.has_pidfd()


def test_numbers_that_are_not_there():
    assert machine.number("/proc/sys/no/such") is None
    assert machine.hard_nofile() > 0


def test_room_is_that_of_the_nearest_folder(tmp_path):
    octets, files = machine.room(tmp_path / "not" / "yet")
    assert octets > 0
    assert files > 0


def test_who_may_write(tmp_path):
    assert machine.why_not_writable(tmp_path / "not" / "yet") == ""
    (tmp_path / "file").touch()
    assert "not a folder" in machine.why_not_writable(tmp_path / "file" / "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_write(tmp_path):
    tmp_path.chmod(0o500)
    assert "may not write" in machine.why_not_writable(tmp_path / "x")


def test_the_time_zone(monkeypatch):
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert machine.time_zone() == "Europe/Berlin"
    monkeypatch.delenv("TZ")
    assert machine.time_zone()


def test_clock_cgroup_and_memory_are_told():
    assert machine.clock_is_synchronised() in (True, False, None)
    version, writable = machine.cgroup()
    assert version in (0, 1, 2)
    assert version == 2 or not writable
    total, available, _, _ = machine.memory()
    assert total > available > 0
    assert time.time() > 0


def test_folders_are_counted_up_to_a_number(tmp_path):
    for name in ("a/b", "a/c", "d"):
        (tmp_path / name).mkdir(parents=True)
    assert machine.folders_below([str(tmp_path)], 100) == 5
    assert machine.folders_below([str(tmp_path), str(tmp_path)], 3) == 3
    assert machine.folders_below([str(tmp_path / "none")], 3) == 0


@linux
def test_instances_of_inotify_are_counted():
    instance = ctypes.CDLL(None).inotify_init()
    try:
        assert machine.inotify_instances() > 0
    finally:
        os.close(instance)
