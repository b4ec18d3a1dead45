import os
import select
import socket
import subprocess
import sys

import pytest
from helpers import until

from webqx_supervisor.process.attention import watched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc")
WAIT = """
import select, socket, sys
taken = socket.socket(fileno=int(sys.argv[1]))
if sys.argv[2] == "epoll":
    poll = select.epoll()
    copy = taken.dup()
    poll.register(copy, select.EPOLLIN)
print("ready", flush=True)
select.select([taken], [], [])
"""


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def inode(listening):
    return os.fstat(listening.fileno()).st_ino


@pytest.mark.parametrize("way", ["epoll", "select"])
def test_who_waits_by_epoll_is_seen(listening, way):
    number = listening.fileno()
    with subprocess.Popen(
        [sys.executable, "-c", WAIT, str(number), way], pass_fds=[number], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            assert watched([process.pid], {inode(listening)}) is (way == "epoll")
        finally:
            process.kill()


def test_who_only_has_it_does_not_wait(listening):
    assert not watched([os.getpid()], {inode(listening)})
    with socket.create_server(("127.0.0.1", 0)) as other, select.epoll() as poll:
        poll.register(other, select.EPOLLIN)
        assert not watched([os.getpid()], {inode(listening)})
        poll.register(listening, select.EPOLLIN)
        assert watched([os.getpid()], {inode(listening)})
        poll.unregister(listening)
        until(lambda: not watched([os.getpid()], {inode(listening)}))


def test_nobody_waits_who_is_not_there(listening):
    assert not watched([2**22 + 1], {inode(listening)})
    assert not watched([os.getpid()], ())
