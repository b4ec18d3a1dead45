import math
import os
import select
import socket

import pytest
import trio
from helpers import free_port

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon import handed
from webqx_supervisor.daemon.environment import Gifts
from webqx_supervisor.daemon.handed import added, copies, until_attended
from webqx_supervisor.daemon.launch import Started
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.model.gateway import Listener
from webqx_supervisor.model.service import Service
from webqx_supervisor.process.identity import identify


class Process:
    """This very process, as if it were a worker."""

    pid = os.getpid()
    identity = identify(os.getpid())


STARTED = Started(Process(), "no such cookie", 0.0, 0.0)


@pytest.fixture
def sockets():
    sockets = ListeningSockets(FdStore(""), Registry())
    yield sockets
    sockets.close()


@pytest.fixture
def taker(sockets):
    bind = f"127.0.0.1:{free_port()}"
    sockets.follow([Listener("api", (bind,), handed=True)])
    return Service("api", ("x",), "/", listen_fds=(bind,))


def test_they_are_added_to_what_a_worker_gets_besides():
    gifts = Gifts((("A", "1"),), ((9, 5),), "WATCHDOG_PID")
    assert added(gifts, Service("api", ("x",), "/"), ()) is gifts
    more = added(gifts, Service("api", ("x",), "/", listen_fds=("a", "b")), (11, 12))
    assert dict(more.env) == {"A": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "api:api"}
    assert more.descriptors == ((9, 5), (3, 11), (4, 12))
    assert more.pid_variable == "WATCHDOG_PID LISTEN_PID"


def test_the_copies_are_good_when_the_daemon_closes_its_own(sockets, taker):
    with copies(taker, sockets) as (copy,):
        sockets.rest("api")
        with socket.socket(fileno=os.dup(copy)) as mine:
            assert mine.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(copy)


async def test_who_waits_for_connections_is_attended(sockets, taker, monkeypatch):
    monkeypatch.setattr(handed, "UNSEEN", math.inf)
    (mine,) = sockets.of(taker)
    with select.epoll() as poll, trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_attended, STARTED, taker, sockets)
            poll.register(mine, select.EPOLLIN)


@pytest.mark.parametrize("listeners", [None, ()])
async def test_who_is_not_seen_to_wait_counts_after_a_while(sockets, taker, listeners, monkeypatch):
    monkeypatch.setattr(handed, "UNSEEN", 0.05)
    if listeners is not None:  # they have gone from the file meanwhile
        sockets.follow(listeners)
    with trio.fail_after(20):
        await until_attended(STARTED, taker, sockets)
