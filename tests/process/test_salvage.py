"""What a living process still holds, taken back: sockets, and pipes that nobody reads."""

import os
import socket
import subprocess
import sys

import pytest
from helpers import free_port

from webqx_supervisor.net.listeners import listen
from webqx_supervisor.process.identity import identify
from webqx_supervisor.process.salvage import listening_sockets, reading_end

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets one do that")

WRITES = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


@pytest.fixture
def start():
    """Return a function that starts a process which ends with the test."""
    started = []

    def start(code="input()", **more):
        command = [sys.executable, "-c", code]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0, **more))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_of_all_descriptors_the_listening_sockets_come(start):
    near, far = socket.socketpair()
    port = free_port()
    with listen(f"127.0.0.1:{port}") as listening, near, far:
        process = start(pass_fds=(listening.fileno(), near.fileno()))
    (found,) = listening_sockets(identify(process.pid))
    with found:
        assert found.getsockname() == ("127.0.0.1", port)
        assert not found.get_inheritable()
        process.kill()
        process.wait()
        with socket.create_connection(("127.0.0.1", port), 10):  # it lives on
            pass


def test_of_a_process_that_has_ended_nothing_comes(start):
    process = start()
    identity = identify(process.pid)
    process.kill()
    process.wait()
    assert list(listening_sockets(identity)) == []
    assert reading_end(process.pid, 1) is None


def test_a_pipe_that_nobody_reads_is_read_on(start):
    reading, writing = os.pipe()
    process = start(WRITES, stdout=writing)
    os.close(writing)
    assert reading_end(process.pid, 1) is None  # we read it ourselves
    os.close(reading)
    again = reading_end(process.pid, 1)
    process.stdin.write(b"still here\n")
    assert os.read(again, 100) == b"still here\n"
    assert not os.get_inheritable(again)
    process.kill()
    assert os.read(again, 100) == b""  # no writing end stays here
    os.close(again)


def test_what_is_no_pipe_is_left_alone(start, tmp_path):
    os.mkfifo(tmp_path / "named")
    for_both = os.open(tmp_path / "named", os.O_RDWR)
    with (tmp_path / "file").open("wb") as file:
        process = start(stdout=file, stderr=for_both)
    os.close(for_both)
    assert reading_end(process.pid, 1) is None
    assert reading_end(process.pid, 2) is None
    assert reading_end(process.pid, 99) is None
