import socket
import subprocess
import sys

import pytest
import trio
from helpers import free_port

from webqx_supervisor.process.readiness import accepts, until_accepting


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
async def test_a_listening_port_accepts(family, host):
    with socket.socket(family) as listening:
        listening.bind((host, 0))
        listening.listen()
        assert await accepts(listening.getsockname()[1], host)


async def test_a_port_without_a_listener_does_not_accept():
    assert not await accepts(free_port())


async def test_a_bound_port_that_does_not_listen_yet_does_not_accept():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not await accepts(bound.getsockname()[1])


async def test_the_wait_ends_once_the_port_accepts(autojump_clock):
    with socket.socket() as worker:
        worker.bind(("127.0.0.1", 0))
        ready = trio.Event()

        async def wait():
            await until_accepting(worker.getsockname()[1])
            ready.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(5)
            assert not ready.is_set()
            worker.listen()
            await ready.wait()


SELF_CONNECT = """
import fcntl, socket, struct, sys, trio
from webqx_supervisor.process.readiness import accepts
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x49))  # SIOCSIFFLAGS: up
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
    ports.write("40000 40000")
with socket.socket() as plain:
    plain.connect(("127.0.0.1", 40000))  # proves that it connects to itself here
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
assert not trio.run(accepts, 40000)
with socket.socket() as worker:
    worker.bind(("127.0.0.1", 40000))  # nothing of the probe is in the way
"""


def test_a_connection_to_itself_is_not_taken_for_a_worker():
    """It happens once in 28 000 attempts; in a network of its own with one port, each time."""
    alone = ["unshare", "--net"]
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to make a network namespace")
    subprocess.run([*alone, sys.executable, "-c", SELF_CONNECT], check=True)
