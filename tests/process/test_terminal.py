"""A terminal and those who look at it."""

import os
import sys

import pytest
import trio
from helpers import auntil

from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.service import Logs
from webqx_supervisor.process import terminal
from webqx_supervisor.process.output import Output
from webqx_supervisor.process.spawn import Entry, Launch, start
from webqx_supervisor.process.terminal import BEHIND, RECENT, Terminal

OWN = "import os, sys; sys.exit(0 if os.tcgetpgrp(0) == os.getpid() == os.getsid(0) else 1)"


@pytest.fixture
def ends():
    master, slave = terminal.opened()
    os.set_blocking(master, False)
    yield master, slave
    os.close(master)
    os.close(slave)


def launch(slave, *command):
    return Launch(command, "/", os.environ, stdout=slave, stderr=slave, entry=Entry(terminal=True))


async def test_the_terminal_is_the_process_own(ends):
    with trio.fail_after(20):
        process = await start(launch(ends[1], sys.executable, "-c", OWN))
        assert await process.wait() == Exit(code=0)


@pytest.mark.parametrize("program", ["no-such-program", "/no/such", "/etc/passwd", "/etc"])
async def test_what_cannot_be_run_is_named_as_without_a_terminal(ends, program):
    with pytest.raises(CannotStart) as on_terminal:
        await start(launch(ends[1], program))
    with pytest.raises(CannotStart) as plain:
        await start(Launch((program,), "/", os.environ, stdout=1, stderr=2))
    assert str(on_terminal.value) == str(plain.value)


async def test_viewers_see_the_last_of_before_and_all_from_then_on():
    screen = Terminal(-1)
    screen.show(b"x" * RECENT)
    screen.show(b"before")
    with screen.watched() as one, screen.watched() as other:
        assert (await one.next())[-7:] == b"xbefore"
        screen.show(b"now")
        assert await one.next() == b"now"
        assert (await other.next()).endswith(b"beforenow")
        screen.close()
        assert await one.next() == b""
    with screen.watched() as late:
        assert len(await late.next()) == RECENT
        assert await late.next() == b""


async def test_who_falls_behind_misses_some_and_holds_up_nobody():
    screen = Terminal(-1)
    with screen.watched() as viewer:
        for _ in range(40):
            screen.show(b"y" * (BEHIND // 16))
        screen.show(b"last")
        assert len(shown := await viewer.next()) == BEHIND
        assert shown.endswith(b"last")


def test_what_nobody_reads_is_typed_as_far_as_there_is_room(ends):
    screen = Terminal(ends[0])
    line = b"z" * 100 + b"\n"
    room = sum(iter(lambda: screen.type(line), 0))
    assert 1000 < room < 10**6
    screen.close()
    assert screen.type(line) == 0
    screen.resize(1, 1)  # nobody's any more
    assert os.get_terminal_size(ends[1]) == (terminal.COLUMNS, terminal.ROWS)


async def test_the_output_thread_shows_logs_and_lets_go(tmp_path, ends):
    master, slave = os.dup(ends[0]), ends[1]
    with Output() as output, trio.fail_after(20):
        output.attach("w", "out", master, tmp_path / "log", Logs())
        screen = output.terminal("w")
        assert output.terminal("other") is None
        with screen.watched() as viewer:
            os.write(slave, b"one\ntwo\n")
            shown = b""
            while not shown.endswith(b"two\r\n"):
                shown += await viewer.next()
            assert shown == b"one\r\ntwo\r\n"
            log = tmp_path / "log"
            await auntil(lambda: log.exists() and log.read_bytes().count(b"\n") == 2)
            assert b"\r" not in log.read_bytes()
            assert screen.type(b"typed\n") == 6
            assert os.read(slave, 100) == b"typed\n"
            output.detach("w")
            while await viewer.next():
                pass
        assert screen.type(b"gone") == 0
