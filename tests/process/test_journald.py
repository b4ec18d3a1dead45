"""Lines on their way to journald: a socket stands in for it, by its native protocol."""

import os
import socket

import pytest
from helpers import auntil

from webqx_supervisor.model.service import LogFormat, LogOutput, Logs
from webqx_supervisor.process.journald import Journald
from webqx_supervisor.process.lines import Origin
from webqx_supervisor.process.output import Output

WRITER = Origin("api", 2, 77)
LIMITS = Logs(output=LogOutput.JOURNALD)


@pytest.fixture
def door(tmp_path):
    return tmp_path / "socket"


@pytest.fixture
def journal(door):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(door))
        journal.settimeout(20)
        yield journal


@pytest.fixture
def way(door):
    way = Journald(door)
    yield way
    way.close()


def entry(journal):
    return dict(field.split("=", 1) for field in journal.recv(65536).decode().splitlines())


def test_each_line_is_an_entry_with_its_fields(journal, way):
    assert way.send(b"one\nWARN two=2\n", "out", WRITER, LogFormat.TEXT) == b""
    assert entry(journal) == {
        "MESSAGE": "one",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "api",
        "SYSLOG_PID": "77",
        "WEBQX_SV_SERVICE": "api",
        "WEBQX_SV_INSTANCE": "2",
        "WEBQX_SV_STREAM": "out",
    }
    assert entry(journal)["PRIORITY"] == "4"


@pytest.mark.parametrize(
    ("line", "priority"),
    [(b'{"level":"debug"}\n', "7"), (b'{"level":60}\n', "2"), (b"Traceback\n", "3")],
)
def test_the_priority_is_the_level_of_the_line(journal, way, line, priority):
    way.send(line, "err", WRITER, LogFormat.JSON)
    assert entry(journal)["PRIORITY"] == priority


def test_without_a_journald_lines_come_back(way):
    assert way.send(b"one\ntwo\n", "out", WRITER, LogFormat.TEXT) == b"one\ntwo\n"
    assert way.reason == "No such file or directory"


def test_one_that_has_no_room_keeps_nobody_waiting_for_long(journal, way):
    lines = b"".join(b"%d\n" % number for number in range(5000))
    rest = way.send(lines, "out", WRITER, LogFormat.TEXT)
    assert rest
    assert lines.endswith(rest)
    assert way.reason == "timed out"
    assert way.send(b"more\n", "out", WRITER, LogFormat.TEXT) == b"more\n"


async def test_a_worker_writes_to_journald_and_not_to_a_file(journal, way, tmp_path):
    path = tmp_path / "api-2.log"
    with Output(journald=way) as output:
        reading, writing = os.pipe()
        output.attach("api:2", "err", reading, path, LIMITS, WRITER)
        os.write(writing, b"hello\nbye")
        os.close(writing)
        await output.closed("api:2")
        assert output.tail("api:2") == ["hello", "bye"]
    assert [entry(journal)["MESSAGE"] for _ in range(2)] == ["hello", "bye"]
    assert not path.exists()


async def test_where_there_is_no_journald_the_file_has_the_lines_and_says_why(way, tmp_path):
    path = tmp_path / "api-2.log"
    with Output(journald=way) as output:
        reading, writing = os.pipe()
        output.attach("api:2", "out", reading, path, LIMITS, WRITER)
        os.write(writing, b"hello\n")
        await auntil(path.exists)
        os.write(writing, b"bye\n")
        os.close(writing)
        await output.closed("api:2")
    why, *lines = path.read_text().splitlines()
    assert why.endswith("webqx-sv: journald takes no lines: No such file or directory")
    assert [line.split()[-1] for line in lines] == ["hello", "bye"]
