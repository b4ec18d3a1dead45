import errno
import logging
import resource
import socket

import pytest
from helpers import auntil

from webqx_supervisor.net.listeners import Acceptor, listen, parse_bind


@pytest.mark.parametrize(
    ("bind", "address"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::]:443", ("::", 443)), ("0.0.0.0:0", ("0.0.0.0", 0))],
)
def test_a_bind_names_host_and_port(bind, address):
    assert parse_bind(bind) == address


@pytest.mark.parametrize("bind", ["", "80", ":80", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_what_is_no_address_is_refused(bind):
    with pytest.raises(ValueError, match="not an address"):
        parse_bind(bind)


def test_a_port_in_use_is_an_os_error():
    with listen("127.0.0.1:0") as first, pytest.raises(OSError) as taken:  # noqa: PT011 - errno
        listen(f"127.0.0.1:{first.getsockname()[1]}")
    assert taken.value.errno == errno.EADDRINUSE


def test_v4_and_v6_wildcards_share_a_port():
    with listen("0.0.0.0:0") as v4, listen(f"[::]:{v4.getsockname()[1]}"):
        pass


async def test_everyone_who_knocks_is_let_in_even_more_than_one_turn_takes(arena):
    let_in = []
    listening = listen("127.0.0.1:0")
    port = listening.getsockname()[1]
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    acceptor = Acceptor(arena.reactor, listening, lambda *came: let_in.append(came))
    await auntil(lambda: len(let_in) == 100)
    clients.append(socket.create_connection(("127.0.0.1", port)))
    await auntil(lambda: len(let_in) == 101)
    assert {peer for _, peer in let_in} == {client.getsockname() for client in clients}
    acceptor.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    for each in (*clients, *(connected for connected, _ in let_in)):
        each.close()


async def test_without_descriptors_accepting_pauses_and_goes_on(arena, caplog):
    let_in = []
    listening = listen("127.0.0.1:0")
    client = socket.create_connection(listening.getsockname())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = socket.socket()
    next_fd = spare.fileno()
    spare.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_fd, hard))
    try:
        with caplog.at_level(logging.ERROR):
            acceptor = Acceptor(arena.reactor, listening, lambda *came: let_in.append(came))
            await auntil(lambda: "accepting pauses" in caplog.text)
            assert not let_in
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    await auntil(lambda: let_in)
    acceptor.close()
    client.close()
    let_in[0][0].close()
