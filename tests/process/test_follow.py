from contextlib import aclosing

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from webqx_supervisor.model.service import Logs
from webqx_supervisor.process.follow import BLOCK, follow
from webqx_supervisor.process.logfile import LogFile, rotated
from webqx_supervisor.process.reading import last_lines

SMALL = Logs(max_size=10, keep=100)


class Bell:
    """Tells a follower that something was written."""

    def __init__(self):
        self._event = trio.Event()

    def ring(self):
        self._event.set()

    async def wait(self):
        await self._event.wait()
        self._event = trio.Event()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "api-1.log"


@pytest.fixture
def log(path):
    log = LogFile(path, SMALL)
    yield log
    log.close()


@pytest.fixture
def bell():
    return Bell()


async def read(follower, count):
    """Return what the follower yields until it has given so many lines."""
    data = b""
    while data.count(b"\n") < count:
        data += await anext(follower)
    return data


@pytest.mark.parametrize("n", [0, 1, 3, 7, 10, 11])
def test_the_last_lines_are_read_across_rotated_files(log, path, n):
    lines = [b"line %d\n" % number for number in range(10)]
    for line in lines:
        log.write(line)
    assert rotated(path, 9).exists()
    assert last_lines({path: ""}, n) == lines[len(lines) - n if n < 10 else 0 :]


@given(st.lists(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b"."))), st.integers(1, 9))
def test_the_last_lines_are_the_last_lines(tmp_path_factory, texts, n):
    path = tmp_path_factory.mktemp("logs") / "log"
    lines = [text + b"\n" for text in texts]
    path.write_bytes(b"".join(lines))
    assert last_lines({path: ""}, n) == lines[-n:]


def test_lines_longer_than_a_block_are_read_whole(path):
    lines = [b"short\n", b"x" * (2 * BLOCK) + b"\n", b"y" * BLOCK + b"\n"]
    path.write_bytes(b"".join(lines))
    assert last_lines({path: ""}, 2) == lines[1:]


def test_a_log_that_does_not_exist_has_no_lines(path):
    assert last_lines({path: ""}, 5) == []


def test_a_line_that_is_being_written_is_left_for_later(path):
    path.write_bytes(b"whole\nhal")
    assert last_lines({path: ""}, 5) == [b"whole\n"]


def test_several_logs_are_merged_by_time_and_labelled(tmp_path):
    moments = {"api:1 ": (1, 4, 5), "api:2 ": (2, 3)}
    paths = {tmp_path / label: label for label in moments}
    for label, seconds in moments.items():
        text = "".join(f"2026-11-23T21:10:0{s}.000Z out {s}\n" for s in seconds)
        (tmp_path / label).write_text(text)
    assert [(line[:5], line[-2:-1]) for line in last_lines(paths, 4)] == [
        (b"api:2", b"2"),
        (b"api:2", b"3"),
        (b"api:1", b"4"),
        (b"api:1", b"5"),
    ]


async def test_a_follower_begins_with_the_last_lines_and_goes_on_without_a_gap(log, path, bell):
    log.write(b"1\n2\n3\n")
    async with aclosing(follow(lambda: {path: ""}, bell, n=2)) as lines:
        assert await read(lines, 2) == b"2\n3\n"
        log.write(b"4\n")
        bell.ring()
        assert await read(lines, 1) == b"4\n"


async def test_a_follower_waits_while_nothing_is_written(path, bell):
    path.write_bytes(b"old\n")
    got = []

    async def take(lines):
        got.append(await anext(lines))

    async with aclosing(follow(lambda: {path: ""}, bell, n=1)) as lines:
        assert await read(lines, 1) == b"old\n"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, lines)
            bell.ring()
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert got == []
            with path.open("ab") as file:
                file.write(b"new\n")
            bell.ring()
    assert got == [b"new\n"]


async def test_a_follower_waits_for_a_log_to_begin(log, path, bell):
    async with aclosing(follow(lambda: {path: ""}, bell, n=9)) as lines:
        async with trio.open_nursery() as nursery:
            got = []

            async def take():
                got.append(await anext(lines))

            nursery.start_soon(take)
            await trio.testing.wait_all_tasks_blocked(0.01)
            log.write(b"first\n")
            bell.ring()
        assert got == [b"first\n"]


@pytest.mark.parametrize("behind", [1, 2, 7, 30])
async def test_a_follower_that_falls_behind_rotation_reads_every_file_in_turn(
    log, path, bell, behind
):
    log.write(b"start\n")
    async with aclosing(follow(lambda: {path: ""}, bell, n=1)) as lines:
        assert await read(lines, 1) == b"start\n"
        for first in range(0, 90, behind):
            wanted = [b"%d\n" % number for number in range(first, first + behind)]
            for line in wanted:
                log.write(line)
            bell.ring()
            assert await read(lines, behind) == b"".join(wanted)


async def test_a_follower_whose_file_was_deleted_goes_on_with_the_oldest_left(path, bell):
    log = LogFile(path, Logs(max_size=2, keep=2))
    log.write(b"0\n")
    async with aclosing(follow(lambda: {path: ""}, bell, n=1)) as lines:
        assert await read(lines, 1) == b"0\n"
        for number in range(1, 9):
            log.write(b"%d\n" % number)
        bell.ring()
        assert await read(lines, 3) == b"6\n7\n8\n"
    log.close()


async def test_a_follower_of_an_emptied_log_begins_anew(path, bell):
    path.write_bytes(b"a long line\n")
    async with aclosing(follow(lambda: {path: ""}, bell, n=1)) as lines:
        assert await read(lines, 1) == b"a long line\n"
        path.write_bytes(b"new\n")
        bell.ring()
        assert await read(lines, 1) == b"new\n"


async def test_several_logs_are_followed_at_once(tmp_path, bell):
    paths = {tmp_path / str(n): f"api:{n} " for n in range(3)}
    for path in paths:
        path.touch()
    got = []

    async def take():
        async with aclosing(follow(lambda: paths, bell, n=9)) as lines:
            while len(got) < 6:
                got.extend((await anext(lines)).splitlines())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked(0.01)
        for path in paths:
            path.write_bytes(b"a\nb\n")
        bell.ring()
    assert sorted(got) == [b"api:%d %s" % (n, text) for n in range(3) for text in (b"a", b"b")]


async def test_a_large_log_is_read_in_blocks(path, bell):
    path.write_bytes(b"start\n")
    async with aclosing(follow(lambda: {path: ""}, bell, n=1)) as lines:
        assert await read(lines, 1) == b"start\n"
        line = b"x" * 99 + b"\n"
        with path.open("ab") as file:
            file.write(line * 50_000)
        sizes = [len(await anext(lines)) for _ in range(10)]
        assert max(sizes) <= BLOCK
        assert all(size % len(line) == 0 for size in sizes)
