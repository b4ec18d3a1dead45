"""A log file of several processes: no line is lost, whoever rotates."""

import fcntl
import gzip
import multiprocessing
import os
import threading

import pytest
from helpers import until

from webqx_supervisor.model.accesslog import AccessLog
from webqx_supervisor.process.packing import Packer
from webqx_supervisor.process.sharedlog import SharedLogFile


class Clock:
    now = 1_000_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def packer():
    packer = Packer()
    yield packer
    packer.close(5)


def _write(path, name, count):
    packer = Packer()
    file = SharedLogFile(path, AccessLog(max_size=2000, keep=10_000), packer)
    for number in range(count):
        file.append(f"{name} {number} {'x' * 40}\n".encode())


def test_several_processes_lose_no_line(tmp_path):
    path = tmp_path / "access.log"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, name, 300)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    files = list(tmp_path.glob("access.log*"))
    assert len(files) > 10
    lines = [line for each in files for line in each.read_text().splitlines()]
    assert sorted(line.rsplit(" ", 1)[0] for line in lines) == sorted(
        f"{name} {number}" for name in "abc" for number in range(300)
    )


def test_a_day_that_begins_puts_the_file_aside(tmp_path, packer):
    clock = Clock()
    file = SharedLogFile(tmp_path / "a.log", AccessLog(max_age=86400.0), packer, clock)
    file.append(b"1\n")
    os.utime(tmp_path / ".a.log.lock", (clock.now, clock.now))
    file.append(b"2\n")
    clock.now += 86400
    file.append(b"3\n")
    assert (tmp_path / "a.log.1").read_bytes() == b"1\n2\n"
    assert (tmp_path / "a.log").read_bytes() == b"3\n"
    file.append(b"4\n")
    assert (tmp_path / "a.log").read_bytes() == b"3\n4\n"


def test_old_files_are_compressed_and_limited_in_number(tmp_path, packer):
    policy = AccessLog(max_size=2, keep=2, compress=True)
    file = SharedLogFile(tmp_path / "a.log", policy, packer)
    for number in range(4):
        file.append(b"%d\n" % number)
        until(lambda: (tmp_path / "a.log.1.gz").exists() and not (tmp_path / "a.log.1").exists())
        with (tmp_path / ".a.log.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # who packs has it a moment longer
    assert sorted(each.name for each in tmp_path.glob("a.log*")) == ["a.log.1.gz", "a.log.2.gz"]
    assert gzip.decompress((tmp_path / "a.log.1.gz").read_bytes()) == b"3\n"


def test_who_does_not_get_the_lock_writes_and_goes_on(tmp_path, packer):
    file = SharedLogFile(tmp_path / "a.log", AccessLog(max_size=2), packer)
    with (tmp_path / ".a.log.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.append(b"1\n")
        file.append(b"2\n")
        assert (tmp_path / "a.log").read_bytes() == b"1\n2\n"
    file.append(b"3\n")
    assert (tmp_path / "a.log.1").read_bytes() == b"1\n2\n3\n"


class Waiting:
    """A packer whose thread comes to the log as soon as it is asked to: while it is rotated."""

    def __init__(self):
        self.threads = []

    def ask(self, log):
        self.threads.append(threading.Thread(target=log.pack, args=(lambda: False,)))
        self.threads[-1].start()
        self.threads[-1].join(0.2)


def test_who_packs_waits_for_the_lock(tmp_path):
    packer = Waiting()
    file = SharedLogFile(tmp_path / "a.log", AccessLog(max_size=2, compress=True), packer)
    file.append(b"1\n")
    (thread,) = packer.threads
    thread.join(20)
    assert gzip.decompress((tmp_path / "a.log.1.gz").read_bytes()) == b"1\n"
