import contextlib
import gzip
import os
import re
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.model.service import Logs
from webqx_supervisor.process.lines import stamp
from webqx_supervisor.process.logfile import LogFile, packed, rotated

AMPLE = Logs(max_size=10_000, keep=2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "api-1.log"


@contextlib.contextmanager
def files_limited_to(size):
    """Let the kernel refuse longer files to this process: what a full disk does, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def written(path, limits, *chunks):
    log = LogFile(path, limits)
    for chunk in chunks:
        log.write(chunk)
    log.close()
    return log


def contents(path):
    return [rotated(path, n).read_bytes() for n in range(9) if rotated(path, n).exists()]


def test_a_log_is_made_with_its_folder_for_its_owner_alone(path):
    written(path, AMPLE, b"a\n")
    assert contents(path) == [b"a\n"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_is_continued_by_its_next_writer(path):
    written(path, AMPLE, b"a\n")
    written(path, AMPLE, b"b\n")
    assert contents(path) == [b"a\nb\n"]


def test_rotation_keeps_so_many_old_files(path):
    written(path, Logs(max_size=4, keep=2), *(b"%d\n" % n for n in range(10)))
    assert contents(path) == [b"8\n9\n", b"6\n7\n", b"4\n5\n"]


def test_one_chunk_may_fill_several_files(path):
    written(path, Logs(max_size=4, keep=9), b"0\n1\n2\n3\n4\n")
    assert contents(path) == [b"4\n", b"2\n3\n", b"0\n1\n"]


def test_without_old_files_the_log_begins_anew(path):
    written(path, Logs(max_size=4, keep=0), *(b"%d\n" % n for n in range(5)))
    assert contents(path) == [b"4\n"]


def test_a_line_longer_than_a_file_has_one_to_itself(path):
    written(path, Logs(max_size=4, keep=9), b"a\n", b"longer\n", b"b\n")
    assert contents(path) == [b"b\n", b"longer\n", b"a\n"]


@given(st.lists(st.lists(st.integers(0, 12), min_size=1), max_size=12), st.integers(8, 40))
def test_rotation_loses_and_tears_no_line(tmp_path_factory, chunks, max_size):
    path = tmp_path_factory.mktemp("logs") / "log"
    data = [b"".join(b"x" * length + b"\n" for length in chunk) for chunk in chunks]
    log = written(path, Logs(max_size=max_size, keep=1000), *data)
    count = len(list(path.parent.iterdir()))
    files = [rotated(path, n).read_bytes() for n in reversed(range(count))]
    assert b"".join(files) == b"".join(data)
    assert all(file.endswith(b"\n") for file in files)
    assert all(len(file) <= max_size or file.count(b"\n") == 1 for file in files)
    assert log.lost == 0


def test_a_removed_file_comes_back(path):
    log = LogFile(path, AMPLE)
    log.write(b"a\n")
    path.unlink()
    log.write(b"b\n")
    log.close()
    assert contents(path) == [b"b\n"]


def test_an_emptied_file_counts_as_empty(path):
    log = LogFile(path, Logs(max_size=4, keep=2))
    log.write(b"a\nb\n")
    path.write_bytes(b"")
    log.write(b"c\n")
    log.close()
    assert contents(path) == [b"c\n"]


def test_what_a_full_disk_swallows_is_counted_and_told(path):
    log = LogFile(path, AMPLE)
    with files_limited_to(8):
        log.write(b"first\n")
        log.write(b"second\n")
        assert log.lost == 5
        log.write(b"third\n")
        assert log.lost == 11
    log.write(b"fourth\n")
    log.close()
    assert log.lost == 0
    text = path.read_text()
    assert text.startswith("first\nse\n20")
    assert text.endswith("\nfourth\n")
    notice = r"\n\S+Z err webqx-sv: 11 bytes of output were lost here: File too large\n"
    assert re.search(notice, text)


def test_a_loss_that_cannot_be_told_yet_is_told_later(path):
    log = LogFile(path, AMPLE)
    with files_limited_to(4):
        log.write(b"lost\n")
    with files_limited_to(20):
        log.write(b"again\n")
    log.write(b"kept\n")
    log.close()
    lines = path.read_text().splitlines()
    assert "7 bytes of output were lost" in lines[-2]
    assert lines[-1] == "kept"


def test_a_folder_that_cannot_be_made_costs_the_output_but_nothing_else(path):
    path.parent.write_bytes(b"a file is in the way")
    log = LogFile(path, AMPLE)
    log.write(b"a\n")
    assert log.lost == 2
    path.parent.unlink()
    log.write(b"b\n")
    log.close()
    assert path.read_text().endswith("File exists\nb\n")


def test_a_limit_may_change_while_writing(path):
    log = LogFile(path, AMPLE)
    log.write(b"a\nb\n")
    log.limits = Logs(max_size=4, keep=1)
    log.write(b"c\n")
    log.close()
    assert contents(path) == [b"c\n", b"a\nb\n"]


def test_keeping_fewer_removes_the_rest_at_the_next_rotation(path):
    log = LogFile(path, Logs(max_size=2, keep=9))
    for number in range(7):
        log.write(b"%d\n" % number)
    log.limits = Logs(max_size=2, keep=2)
    log.write(b"7\n")
    log.close()
    assert contents(path) == [b"7\n", b"6\n", b"5\n"]


def test_rotated_files_are_numbered():
    assert rotated(Path("/l/api-1.log"), 0) == Path("/l/api-1.log")
    assert rotated(Path("/l/api-1.log"), 2) == Path("/l/api-1.log.2")


class Clock:
    """Stands still until it is set."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


DAY = 86_400
MIDNIGHT = 20_000 * DAY


def logged_at(log, clock, moment, text):
    clock.now = moment
    log.write(stamp(text, "out", moment))


def test_a_new_file_is_begun_at_each_midnight(path):
    clock = Clock(MIDNIGHT - 1)
    log = LogFile(path, Logs(max_age=DAY), clock)
    logged_at(log, clock, MIDNIGHT - 1, b"eve\n")
    logged_at(log, clock, MIDNIGHT, b"day\n")
    logged_at(log, clock, MIDNIGHT + DAY - 1, b"night\n")
    logged_at(log, clock, MIDNIGHT + 3 * DAY, b"later\n")
    log.close()
    texts = [[line.split()[-1] for line in file.splitlines()] for file in contents(path)]
    assert texts == [[b"later"], [b"day", b"night"], [b"eve"]]


def test_the_age_of_a_file_outlives_its_writer(path):
    clock = Clock(MIDNIGHT)
    written(path, AMPLE, stamp(b"eve\n", "out", MIDNIGHT - 1))
    log = LogFile(path, Logs(max_age=DAY), clock)
    logged_at(log, clock, MIDNIGHT, b"day\n")
    log.close()
    assert len(contents(path)) == 2


def test_an_aged_file_is_rotated_though_nobody_writes(path):
    clock = Clock(MIDNIGHT - 1)
    log = LogFile(path, Logs(max_age=DAY), clock)
    logged_at(log, clock, MIDNIGHT - 1, b"eve\n")
    log.close()
    before = os.listdir("/dev/fd")  # noqa: PTH208 - names are what is compared
    log.tidy()
    assert path.exists()
    assert os.listdir("/dev/fd") == before  # noqa: PTH208 - the same
    clock.now = MIDNIGHT
    log.tidy()
    assert not path.exists()
    assert rotated(path, 1).exists()


def test_a_clock_set_back_rotates_nothing(path):
    clock = Clock(MIDNIGHT)
    log = LogFile(path, Logs(max_age=DAY), clock)
    logged_at(log, clock, MIDNIGHT, b"day\n")
    logged_at(log, clock, MIDNIGHT - 1, b"eve\n")
    log.close()
    assert len(contents(path)) == 1


def test_old_files_are_removed_when_their_last_line_is_too_old(path):
    clock = Clock(MIDNIGHT)
    log = LogFile(path, Logs(max_size=4, keep=9, keep_for=DAY), clock)
    for number in range(5):
        log.write(b"%d\n\n" % number)
    for number in (1, 2, 3, 4):
        os.utime(rotated(path, number), (0, MIDNIGHT - number * DAY / 2))
    log.tidy()
    log.close()
    assert contents(path) == [b"4\n\n", b"3\n\n", b"2\n\n"]


def unpacked(path):
    return [gzip.decompress(packed(rotated(path, n)).read_bytes()) for n in (1, 2, 3)]


def test_rotated_files_are_compressed_and_move_on(path):
    asked = []
    log = LogFile(path, Logs(max_size=4, keep=3, compress=True), on_rotation=asked.append)
    for number in range(7):
        log.write(b"%d\n\n" % number)
        if number == 3:
            seen = rotated(path, 1).stat()
            log.pack(lambda: False)
            assert packed(rotated(path, 1)).stat().st_mtime_ns == seen.st_mtime_ns
    log.pack(lambda: False)
    log.close()
    assert contents(path) == [b"6\n\n"]
    assert unpacked(path) == [b"5\n\n", b"4\n\n", b"3\n\n"]
    assert len(list(path.parent.iterdir())) == 4
    assert asked == [log] * 6
    assert packed(rotated(path, 1)).stat().st_mode & 0o777 == 0o600


def test_an_interrupted_compression_leaves_the_file_as_it_was(path):
    log = LogFile(path, Logs(max_size=4, keep=3, compress=True))
    log.write(b"0\n\n")
    log.write(b"1\n\n")
    turns = iter([False, True, True])
    log.pack(lambda: next(turns))
    log.close()
    assert contents(path) == [b"1\n\n", b"0\n\n"]
    assert len(list(path.parent.iterdir())) == 2


def test_a_file_that_moves_while_it_is_compressed_is_replaced_where_it_is_then(path):
    log = LogFile(path, Logs(max_size=4, keep=3, compress=True))
    log.write(b"0\n\n")
    log.write(b"1\n\n")
    asked = 0

    def rotates_amidst():
        nonlocal asked
        asked += 1
        if asked == 2:
            log.write(b"2\n\n")
        return False

    log.pack(rotates_amidst)
    log.close()
    assert contents(path) == [b"2\n\n"]
    assert [gzip.decompress(packed(rotated(path, n)).read_bytes()) for n in (1, 2)] == [
        b"1\n\n",
        b"0\n\n",
    ]


def test_a_file_that_is_dropped_while_it_is_compressed_stays_dropped(path):
    log = LogFile(path, Logs(max_size=4, keep=1, compress=True))
    log.write(b"0\n\n")
    log.write(b"1\n\n")
    asked = 0

    def rotates_amidst():
        nonlocal asked
        asked += 1
        if asked == 2:
            log.write(b"2\n\n")
        return False

    log.pack(rotates_amidst)
    log.close()
    assert gzip.decompress(packed(rotated(path, 1)).read_bytes()) == b"1\n\n"
    assert len(list(path.parent.iterdir())) == 2
