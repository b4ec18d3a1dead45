import json
import os
import re
import resource
import signal
import threading

import pytest
import trio
import trio.testing
from helpers import auntil, until

from webqx_supervisor.model.service import LogOutput, Logs
from webqx_supervisor.process.identity import alive
from webqx_supervisor.process.lines import Origin
from webqx_supervisor.process.logfile import packed, rotated
from webqx_supervisor.process.output import Output
from webqx_supervisor.process.reading import Reader
from webqx_supervisor.process.usage import sample

LIMITS = Logs()
STAMP = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
LINE_BYTES, LINES = 100, 2_000_000
FLOOD = f"""
import sys
for first in range(0, {LINES}, 1000):
    sys.stdout.write("".join("%0{LINE_BYTES - 1}d\\n" % n for n in range(first, first + 1000)))
"""


@pytest.fixture
def output():
    with Output() as output:
        yield output


@pytest.fixture
def path(tmp_path):
    return tmp_path / "api-1.log"


class Pipe:
    """A worker's end of one of its streams, attached."""

    def __init__(self, output, worker, stream, path, limits=LIMITS):
        reading, self.writing = os.pipe()
        output.attach(worker, stream, reading, path, limits)

    def say(self, data):
        os.write(self.writing, data)

    def close(self):
        if self.writing is not None:
            os.close(self.writing)
            self.writing = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def unstamped(path, stream="out"):
    return re.sub(rb"(?m)^" + STAMP + stream.encode() + b" ", b"", path.read_bytes())


async def test_both_streams_go_to_one_file_each_line_stamped(output, path):
    with Pipe(output, "api:1", "out", path) as out, Pipe(output, "api:1", "err", path) as err:
        out.say(b"one\n")
        await auntil(path.exists)
        err.say(b"two\n")
    await output.closed("api:1")
    assert re.fullmatch(STAMP + b"out one\n" + STAMP + b"err two\n", path.read_bytes())


async def test_closed_waits_for_both_streams(output, path):
    done = trio.Event()

    async def wait():
        await output.closed("api:1")
        done.set()

    with Pipe(output, "api:1", "out", path) as out, Pipe(output, "api:1", "err", path) as err:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            out.say(b"last words")
            out.close()
            await auntil(path.exists)
            assert not done.is_set()
            err.close()
    assert unstamped(path) == b"last words\n"


async def test_a_worker_that_is_not_known_is_closed(output):
    await output.closed("api:1")
    assert output.tail("api:1") == []
    output.detach("api:1")


async def test_the_tail_is_stderr_and_stays_after_the_end(output, path):
    with Pipe(output, "api:1", "out", path) as out, Pipe(output, "api:1", "err", path) as err:
        out.say(b"said\n")
        err.say(b"Traceback\nKeyError: 'x'")
    await output.closed("api:1")
    assert output.tail("api:1") == ["Traceback", "KeyError: 'x'"]
    output.detach("api:1")
    assert output.tail("api:1") == []


async def test_the_tail_is_stdout_where_stderr_said_nothing(output, path):
    with Pipe(output, "api:1", "out", path) as out, Pipe(output, "api:1", "err", path):
        out.say(b"Error: no database\n")
    await output.closed("api:1")
    assert output.tail("api:1") == ["Error: no database"]


async def test_a_successor_goes_on_in_the_same_file(output, path):
    for generation in (b"first", b"second"):
        name = generation.decode()
        with Pipe(output, name, "out", path) as out:
            out.say(generation + b"\n")
        await output.closed(name)
        output.detach(name)
    assert unstamped(path) == b"first\nsecond\n"


async def test_two_generations_may_write_at_once(output, path):
    with Pipe(output, "old", "out", path) as old, Pipe(output, "new", "out", path) as new:
        new.say(b"new\n")
        await auntil(path.exists)
        old.say(b"old\n")
        await auntil(lambda: path.read_bytes().endswith(b"old\n"))
        old.close()
        await output.closed("old")
        new.say(b"newer\n")
    await output.closed("new")
    assert unstamped(path) == b"new\nold\nnewer\n"


async def test_detaching_keeps_what_was_said_though_another_holds_the_pipe(output, path):
    with Pipe(output, "api:1", "out", path) as out:
        out.say(b"x" * 50_000 + b"\nend")
        output.detach("api:1")
        await auntil(lambda: path.exists() and path.read_bytes().endswith(b"end\n"))
        with pytest.raises(BrokenPipeError):
            until(lambda: out.say(b"more"))


async def test_detaching_frees_those_who_wait_for_the_end(output, path):
    with Pipe(output, "api:1", "out", path):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(output.closed, "api:1")
            await trio.testing.wait_all_tasks_blocked()
            output.detach("api:1")


def test_closing_leaves_no_thread_no_descriptor_and_no_half_line(path):
    before = set(os.listdir("/dev/fd"))  # noqa: PTH208 - names are what is compared
    output = Output()
    with Pipe(output, "api:1", "out", path) as out:
        out.say(b"half a line")
        until(lambda: output.tail("api:1"))
        output.close()
    assert unstamped(path) == b"half a line\n"
    assert set(os.listdir("/dev/fd")) == before  # noqa: PTH208 - the same
    assert not output._thread.is_alive()


async def test_a_pipe_that_an_earlier_daemon_left_is_read_on(path):
    reading, writing = os.pipe()
    kept = os.dup(reading)  # what the keeper holds
    with Output() as first:
        first.attach("api:1", "out", reading, path, LIMITS)
        os.write(writing, b"one\n")
        await auntil(path.exists)
    os.write(writing, b"two\n")
    with Output() as second:
        second.attach("api:1", "out", kept, path, LIMITS)
        os.close(writing)
        await second.closed("api:1")
    assert unstamped(path) == b"one\ntwo\n"


async def test_a_flood_loses_nothing_and_costs_no_memory(output, worker, path):
    reading, writing = os.pipe()
    await worker(FLOOD, stdout=writing)
    os.close(writing)
    before = sample(os.getpid()).rss_bytes
    output.attach("api:1", "out", reading, path, Logs(max_size=20 * 1024 * 1024, keep=50))
    most = before
    async with trio.open_nursery() as nursery:

        async def watch():
            nonlocal most
            while True:
                most = max(most, sample(os.getpid()).rss_bytes)
                await trio.sleep(0.02)

        nursery.start_soon(watch)
        await output.closed("api:1")
        nursery.cancel_scope.cancel()
    assert most - before < 10 * 1024 * 1024
    expected = 0
    for number in reversed(range(50)):
        if rotated(path, number).exists():
            with rotated(path, number).open("rb") as lines:
                for line in lines:
                    assert int(line[-LINE_BYTES:]) == expected
                    expected += 1
    assert expected == LINES


async def test_a_flood_is_compressed_beside_it(output, worker, path):
    reading, writing = os.pipe()
    await worker(FLOOD.replace(str(LINES), str(LINES // 4)), stdout=writing)
    os.close(writing)
    before = sample(os.getpid()).rss_bytes
    limits = Logs(max_size=8 * 1024 * 1024, keep=50, compress=True)

    def packed_files():
        return list(path.parent.glob("*.gz"))

    output.attach("api:1", "out", reading, path, limits)
    await output.closed("api:1")
    await auntil(lambda: len(list(path.parent.iterdir())) == len(packed_files()) + 1, seconds=60)
    assert len(packed_files()) == 7
    assert sample(os.getpid()).rss_bytes - before < 10 * 1024 * 1024
    expected = 0
    for line in Reader("", path).all():
        assert int(line[-LINE_BYTES:]) == expected
        expected += 1
    assert expected == LINES // 4


async def test_compression_is_taken_up_where_an_earlier_daemon_left_it(path):
    limits = Logs(max_size=40, keep=5, compress=True)
    rotated(path, 1).write_bytes(b"of an earlier daemon\n")
    with Output() as output, Pipe(output, "api:1", "out", path, limits):
        await auntil(packed(rotated(path, 1)).exists)
    assert not rotated(path, 1).exists()


async def test_files_age_though_their_workers_are_silent(path, monkeypatch):
    monkeypatch.setattr("webqx_supervisor.process.output.TIDY", 0.01)
    day, now = 86_400.0, [86_400.0 - 1]
    with Output(clock=lambda: now[0]) as output:
        limits = Logs(max_age=day)
        with Pipe(output, "api:1", "out", path, limits) as out:
            out.say(b"eve\n")
            await auntil(lambda: path.exists() and path.stat().st_size)
            now[0] = day
            await auntil(rotated(path, 1).exists)
            assert not path.exists()


async def test_lines_may_be_json(output, path):
    reading, writing = os.pipe()
    limits = Logs(output=LogOutput.JSON)
    output.attach("api:1", "err", reading, path, limits, Origin("api", 1, 77))
    os.write(writing, b'say "so"\n')
    os.close(writing)
    await output.closed("api:1")
    said = json.loads(path.read_text())
    assert re.fullmatch(STAMP[:-1], said.pop("time").encode())
    assert said == {
        "stream": "err",
        "service": "api",
        "instance": 1,
        "pid": 77,
        "line": 'say "so"',
    }


async def test_a_worker_that_floods_does_not_silence_another(output, worker, tmp_path):
    noisy, quiet = tmp_path / "noisy.log", tmp_path / "quiet.log"
    reading, writing = os.pipe()
    flood = await worker("import os\nwhile True: os.write(1, b'y\\n' * 4096)", stdout=writing)
    os.close(writing)
    output.attach("noisy:1", "out", reading, noisy, Logs(max_size=1024 * 1024, keep=1))
    await auntil(rotated(noisy, 1).exists)
    with Pipe(output, "quiet:1", "out", quiet) as out:
        out.say(b"hello\n")
        await auntil(quiet.exists)
    await output.closed("quiet:1")
    assert alive(flood.identity)
    flood.send_signal(signal.SIGKILL)
    await output.closed("noisy:1")
    assert unstamped(quiet) == b"hello\n"
    assert noisy.stat().st_size <= 1024 * 1024
    assert not rotated(noisy, 2).exists()


async def test_a_full_disk_stops_neither_the_worker_nor_later_output(output, path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Pipe(output, "api:1", "out", path) as out:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            for _ in range(50):  # far more than a pipe holds
                out.say(b"x" * 9_999 + b"\n")
            await auntil(lambda: path.exists() and output.tail("api:1"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        out.say(b"fits again\n")
    await output.closed("api:1")
    lines = path.read_text().splitlines()
    assert any("bytes of output were lost here: File too large" in line for line in lines)
    assert lines[-1].endswith("out fits again")


async def test_a_subscription_tells_of_every_write_once_it_is_seen(output, path):
    with output.subscribe() as written, Pipe(output, "api:1", "out", path) as out:
        for count in range(1, 20):
            out.say(b"line\n")
            while not path.exists() or path.read_bytes().count(b"\n") < count:
                await written.wait()
    assert output._subscriptions == ()


def test_a_subscriber_whose_loop_has_ended_harms_nothing(output, path):
    async def subscribe_and_vanish():
        output.subscribe().__enter__()

    trio.run(subscribe_and_vanish)
    with Pipe(output, "api:1", "out", path) as out:
        out.say(b"line\n")
        until(path.exists)
        out.say(b"another\n")
        until(lambda: path.read_bytes().endswith(b"another\n"))


class LockThatLetsTheThreadFirst:
    """Wakes the thread before it lets go, and goes on when the thread has had its turn."""

    def __init__(self, output):
        self._lock, self._output = output._lock, output

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *_):
        if threading.current_thread() is self._output._thread:
            self._lock.release()
            return
        os.write(self._output._bell, b"!")
        self._lock.release()
        self._output._thread.join(5)


def test_closing_while_the_thread_is_awake_rings_no_closed_bell():
    with Output() as output:
        output._lock = LockThatLetsTheThreadFirst(output)
