import select
import socket

import pytest

from webqx_supervisor.net.poller import ENDED, READ, WRITE, open_poller


@pytest.fixture
def watched():
    poller = open_poller()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    poller.register(ours.fileno())
    with ours, theirs:
        yield poller, ours, theirs
    poller.close()


def seen(poller) -> int:
    mask = 0
    for _fd, events in poller.poll(0):
        mask |= events
    return mask


def test_an_edge_is_told_once(watched):
    poller, _ours, theirs = watched
    assert seen(poller) & WRITE
    theirs.send(b"x")
    assert seen(poller) & READ
    assert not seen(poller)
    theirs.send(b"y")
    assert seen(poller) & READ


def test_its_own_descriptor_is_readable_when_there_is_an_edge(watched):
    poller, _ours, theirs = watched
    seen(poller)
    assert select.select([poller.fileno()], [], [], 0) == ([], [], [])
    theirs.send(b"x")
    assert select.select([poller.fileno()], [], [], 5)[0]


def test_the_peers_end_is_told_apart_from_data(watched):
    poller, _ours, theirs = watched
    seen(poller)
    theirs.send(b"x")
    assert not seen(poller) & ENDED
    theirs.shutdown(socket.SHUT_WR)
    assert seen(poller) & ENDED


def test_what_is_unregistered_is_silent_though_it_is_open(watched):
    poller, ours, theirs = watched
    seen(poller)
    poller.unregister(ours.fileno())
    theirs.send(b"x")
    assert not seen(poller)
