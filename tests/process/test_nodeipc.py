import os
import socket

import pytest

from webqx_supervisor.core.nodeipc import READY, SHUTDOWN
from webqx_supervisor.process.nodeipc import Channel


@pytest.fixture
def ends():
    channel, child = Channel.open()
    theirs = socket.socket(fileno=child)
    yield channel, theirs
    channel.close()
    theirs.close()


async def test_messages_are_lines_however_they_are_cut(ends):
    channel, child = ends
    assert channel.receive() == []
    for byte in b'{"a":1}\n"ready"\n':
        child.send(bytes([byte]))
    messages = channel.receive()
    assert READY in messages
    child.send(b'"rea')
    assert channel.receive() == []
    child.send(b'dy"\n')
    await channel.wait()
    assert channel.receive() == [READY]


async def test_of_a_long_message_nothing_is_kept(ends):
    channel, child = ends
    child.send(b'"' + b"x" * 100_000)
    while channel.receive():
        pass
    child.send(b'ready"\n"ready"\n')
    *_, last = [each for _ in range(9) for each in channel.receive()]
    assert last == READY


async def test_the_child_is_told_and_its_end_is_seen(ends):
    channel, child = ends
    assert channel.send(SHUTDOWN)
    assert child.recv(100) == SHUTDOWN + b"\n"
    child.shutdown(socket.SHUT_RDWR)
    assert channel.receive() is None
    assert not channel.send(SHUTDOWN)


async def test_it_can_be_handed_on(ends):
    channel, child = ends
    other = Channel.at(os.dup(channel.fileno()))
    child.send(READY + b"\n")
    assert other.receive() == [READY]
    other.close()
