"""Logs read back across rotation and compression."""

import gzip
import os

import pytest

from webqx_supervisor.model.service import Logs
from webqx_supervisor.process.lines import moment, stamp
from webqx_supervisor.process.logfile import LogFile, packed, rotated
from webqx_supervisor.process.reading import Reader

SMALL = Logs(max_size=10, keep=100, compress=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "api-1.log"


@pytest.fixture
def log(path):
    log = LogFile(path, SMALL)
    yield log
    log.close()


@pytest.fixture
def reader(path):
    readers = []

    def reader():
        readers.append(Reader("", path))
        return readers[-1]

    yield reader
    for each in readers:
        each.close()


def pack(log):
    log.pack(lambda: False)


def lines(*numbers):
    return [b"line %d\n" % number for number in numbers]


def test_compressed_files_are_read_like_the_others(log, path, reader):
    for line in lines(*range(9)):
        log.write(line)
    pack(log)
    log.write(b"line 9\n")
    assert packed(rotated(path, 8)).exists()
    assert rotated(path, 1).exists()
    assert list(reader().all()) == lines(*range(10))
    for n in (0, 1, 2, 5, 11):
        assert reader().last(n) == (lines(*range(10))[-n:] if n else [])


def test_the_last_lines_that_are_wanted_are_looked_for_as_far_back_as_needed(log, reader):
    for line in lines(*range(30)):
        log.write(line)
    pack(log)
    asked = []

    def ends_in_5(line):
        asked.append(line)
        return line.endswith(b"5\n")

    assert reader().last(2, ends_in_5) == lines(15, 25)
    assert len(asked) == 15
    assert reader().last(9, ends_in_5) == lines(5, 15, 25)


def test_files_that_are_older_than_wanted_are_not_opened(log, path, reader):
    for line in lines(*range(6)):
        log.write(line)
    pack(log)
    for number in range(3, 6):
        os.utime(packed(rotated(path, number)), (0, 1000))
    assert list(reader().all(since=5000.0)) == lines(3, 4, 5)
    assert reader().last(9, None, 5000.0) == lines(3, 4, 5)


def test_rotation_amidst_reading_hides_nothing(log, reader):
    for line in lines(*range(6)):
        log.write(line)
    reading = reader().all()
    got = [next(reading)]
    log.write(b"line 6\n")
    pack(log)
    assert got + list(reading) == lines(*range(6))


def test_what_was_compressed_under_a_reader_is_read_once(log, reader):
    log.write(b"line 0\n")
    follower = reader()
    for behind in (1, 2, 7):
        wanted = lines(*range(behind))
        for line in wanted:
            log.write(line)
        pack(log)
        got = []
        while piece := follower.read():
            got.append(piece)
        assert got == wanted


def test_a_reader_amidst_compressed_files_goes_on_when_more_are(log, reader):
    log.write(b"line 0\n")
    follower = reader()
    for line in lines(1, 2, 3):
        log.write(line)
    pack(log)
    assert follower.read() == b"line 1\n"
    for line in lines(4, 5):
        log.write(line)
    pack(log)
    assert [follower.read() for _ in range(5)] == [*lines(2, 3, 4, 5), b""]


def test_a_number_of_a_file_that_is_used_again_hides_no_other(log, path, reader):
    for line in lines(0, 1, 2):
        log.write(line)
    pack(log)
    old = packed(rotated(path, 2))
    with old.open("wb") as file, gzip.GzipFile(str(path.stat().st_ino), "wb", 9, file) as again:
        again.write(b"line 0\n")
    assert list(reader().all()) == lines(0, 1, 2)
    assert reader().last(9) == lines(0, 1, 2)


def test_a_reader_that_was_left_behind_looks_back_from_its_own_place(log, reader):
    log.write(b"line 0\n")
    log.write(b"line 1\n")
    behind = reader()
    for line in lines(2, 3, 4):
        log.write(line)
    pack(log)
    assert list(behind.all()) == behind.last(9) == lines(0, 1)


def test_a_damaged_file_gives_what_can_be_read(log, path, reader):
    for line in lines(0, 1, 2):
        log.write(line)
    pack(log)
    damaged = packed(rotated(path, 2))
    damaged.write_bytes(damaged.read_bytes()[:-12])
    assert list(reader().all())[-2:] == lines(1, 2)


def test_a_reader_may_begin_at_a_moment(path):
    path.write_bytes(b"".join(stamp(b"%d\n" % second, "out", second) for second in range(9)))
    reader = Reader.since("", path, moment(7).encode())
    assert [line.split()[-1] for line in reader.read().splitlines()] == [b"7", b"8"]
    reader.close()
    late = Reader.since("", path, moment(9).encode())
    assert late.read() == b""
    late.close()
