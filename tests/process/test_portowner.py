import os
import socket
import subprocess
import sys

import pytest
from helpers import free_port

from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.process.portowner import check_free, holder

LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    sys.stdin.read()
"""

ASK_AS_NOBODY = """
import psutil  # while root may still read where it is installed
import os, sys
from webqx_supervisor.process.portowner import CannotStart, check_free
if os.getuid() == 0:
    os.setuid(65534)
try:
    check_free(int(sys.argv[1]))
except CannotStart as error:
    print(error)
"""


@pytest.fixture
def foreign_port():
    """A port that another process listens on."""
    command = [sys.executable, "-c", LISTEN]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield int(process.stdout.readline()), process.pid
        process.stdin.close()


def test_a_free_port_has_no_holder():
    port = free_port()
    check_free(port)
    assert holder(port) is None


def test_the_holder_is_named_with_its_command(foreign_port):
    port, pid = foreign_port
    assert holder(port).pid == pid
    with pytest.raises(CannotStart, match=rf"^port {port} is held by pid {pid} \(.*python.* -c "):
        check_free(port)


@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET6, "::"),
    ],
)
def test_a_listener_on_any_address_takes_the_port(family, host):
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, 0))
        listening.listen()
        with pytest.raises(CannotStart, match=f"pid {os.getpid()}"):
            check_free(listening.getsockname()[1])


def test_the_near_end_of_a_connection_takes_the_port_too(foreign_port):
    port, _ = foreign_port
    # The kernel may give one near port to two connections; this one is nobody else's.
    near = ("127.0.0.1", free_port())
    with socket.create_connection(("127.0.0.1", port), source_address=near) as client:
        with pytest.raises(CannotStart, match=f"pid {os.getpid()}"):
            check_free(client.getsockname()[1])
        assert holder(port).pid != os.getpid()


def test_a_port_in_time_wait_is_free():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listening.accept()
            accepted.close()  # closing first leaves this end in TIME_WAIT
            assert client.recv(1) == b""
    check_free(port)


def ask_as_nobody(port):
    command = [sys.executable, "-c", ASK_AS_NOBODY, str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_low_port_counts_as_free_for_who_may_not_bind_it():
    assert ask_as_nobody(1) == ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_holder_that_is_not_visible_is_said_to_be_another_users(foreign_port):
    port, _ = foreign_port
    assert f"port {port} is held by a process of another user" in ask_as_nobody(port)
