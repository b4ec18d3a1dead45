"""Listening sockets: opened, handed on, given up, and tried again."""

import gc
import os
import socket

import pytest
import trio
from helpers import free_port

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.model.gateway import Listener
from webqx_supervisor.net.listeners import listen


class Store(FdStore):
    """The names that a keeper would hold."""

    def __init__(self) -> None:
        super().__init__("")
        self.names: list[str] = []

    def push(self, name: str, fd: int) -> bool:
        self.names.append(name)
        return super().push(name, fd)

    def remove(self, name: str) -> bool:
        self.names = [each for each in self.names if each != name]
        return super().remove(name)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def sockets(store, registry):
    sockets = ListeningSockets(store, registry)
    yield sockets
    sockets.close()


@pytest.fixture
def bind():
    return f"127.0.0.1:{free_port()}"


def listener(bind: str, name: str = "web") -> Listener:
    return Listener(name, (bind,))


def connects(bind: str) -> bool:
    host, _, port = bind.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def kinds(registry: Registry) -> list[str]:
    return [event.kind for event in registry.events()]


def test_what_is_wanted_is_open_and_stored(sockets, store, bind):
    sockets.follow([listener(bind)])
    assert connects(bind)
    assert store.names == ["listen=" + bind.replace(":", "~")]


def test_what_is_no_longer_wanted_is_closed_and_forgotten_by_the_store(sockets, store, bind):
    sockets.follow([listener(bind)])
    sockets.follow([])
    assert not connects(bind)
    assert store.names == []
    assert sockets.open == {}


def test_an_address_that_changes_its_listener_is_never_closed(sockets, store, bind):
    sockets.follow([listener(bind)])
    before = sockets.open["web", bind]
    sockets.follow([listener(bind, "other")])
    assert sockets.open == {("other", bind): before}
    assert len(store.names) == 1


def test_an_address_under_another_name_is_free_for_it(sockets, bind):
    sockets.follow([listener(bind)])
    wider = bind.replace("127.0.0.1", "0.0.0.0")
    sockets.follow([listener(wider)])
    assert set(sockets.open) == {("web", wider)}
    assert sockets.problems == {}


def test_a_socket_of_an_earlier_daemon_is_taken_over(sockets, store, registry, bind):
    host, _, port = bind.rpartition(":")
    earlier = socket.create_server((host, int(port)))
    inherited = {"listen=" + bind.replace(":", "~"): [earlier.detach()], "link=1-1": []}
    sockets.adopt(inherited)
    sockets.follow([listener(bind)])
    assert connects(bind)
    assert list(inherited) == ["link=1-1"]
    assert store.names == []  # it is there already
    assert kinds(registry) == []


def test_a_socket_of_an_earlier_daemon_that_nobody_wants_is_closed(sockets, bind):
    host, _, port = bind.rpartition(":")
    earlier = socket.create_server((host, int(port)))
    copy = os.dup(earlier.fileno())
    sockets.adopt({"listen=" + bind.replace(":", "~"): [earlier.detach(), copy]})
    sockets.follow([])
    gc.collect()
    assert not connects(bind)


def test_a_held_address_names_its_holder_and_is_told_once(sockets, registry, bind):
    host, _, port = bind.rpartition(":")
    with socket.create_server((host, int(port))):
        sockets.follow([listener(bind)])
        sockets.try_again()
    assert f"held by pid {os.getpid()}" in sockets.problems["web", bind]
    assert kinds(registry) == ["unbound"]


def test_an_address_of_another_machine_is_not_blamed_on_the_ports_holder(sockets, bind):
    host, _, port = bind.rpartition(":")
    with socket.create_server((host, int(port))):
        far = f"192.0.2.1:{port}"
        sockets.follow([listener(far)])
    assert sockets.problems["web", far] == (
        f"cannot listen on {far}: Cannot assign requested address"
    )


async def test_a_held_address_is_opened_once_it_is_free(
    sockets, registry, bind, nursery, autojump_clock
):
    host, _, port = bind.rpartition(":")
    with socket.create_server((host, int(port))):
        sockets.follow([listener(bind)])
        nursery.start_soon(sockets.keep_trying)
        await trio.sleep(20)
        assert sockets.open == {}
    with trio.fail_after(20):
        await registry.until(lambda: bool(sockets.open))
    assert connects(bind)
    assert sockets.problems == {}
    assert kinds(registry) == ["unbound", "listening"]


def test_a_copy_of_an_adopted_socket_leaves_it_non_blocking(sockets, bind):
    host, _, port = bind.rpartition(":")
    with socket.create_server((host, int(port))) as kept:
        kept.setblocking(False)
        sockets.adopt({f"listen={bind.replace(':', '~')}": [os.dup(kept.fileno())]})
        sockets.follow([listener(bind)])
        with sockets.open["web", bind].dup():
            assert not os.get_blocking(kept.fileno())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_what_is_rescued_is_stored_and_used_and_the_rest_is_closed(sockets, store, host):
    bind = f"{host}:{free_port()}"
    first = listen(bind)
    sockets.rescue([first, first.dup(), listen(f"127.0.0.1:{free_port()}")])
    assert len(store.names) == 2
    sockets.follow([listener(bind)])
    assert sockets.open["web", bind] is first
    assert sockets.problems == {}
    assert store.names == [f"listen={bind.replace(':', '~')}"]
    assert not first.getblocking()
