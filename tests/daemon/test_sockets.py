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
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.gateway import Listener
from webqx_supervisor.model.service import Service
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


def handed(bind, name="api"):
    return Listener(name, (bind,), handed=True)


def taker(bind):
    return Service("api", ("x",), "/", listen_fds=(bind,))


def test_what_is_handed_to_workers_is_open_from_their_first_start_until_they_rest(
    sockets, store, bind
):
    sockets.follow([handed(bind)])
    assert not connects(bind)
    (mine,) = sockets.of(taker(bind))
    assert connects(bind)
    assert sockets.open == {}
    assert sockets.of(taker(bind)) == [mine]
    sockets.try_again()
    assert sockets.of(taker(bind)) == [mine]
    sockets.rest("api")
    sockets.try_again()
    assert not connects(bind)
    assert store.names == []


def test_an_address_changes_sides_with_its_socket(sockets, store, bind):
    sockets.follow([listener(bind, "api")])
    ours = sockets.open["api", bind]
    sockets.follow([handed(bind)])
    assert sockets.open == {}
    assert sockets.of(taker(bind)) == [ours]
    sockets.follow([listener(bind, "api")])
    assert sockets.open["api", bind] is ours
    assert sockets.handed == {}
    assert len(store.names) == 1


def test_what_is_handed_is_taken_over_from_an_earlier_daemon(sockets, bind):
    kept = listen(bind)
    name = "listen=" + bind.replace(":", "~")
    sockets.adopt({name: [kept.detach()]})
    sockets.follow([handed(bind)])
    assert [each.getsockname() for each in sockets.of(taker(bind))] == [address(bind)]


def address(bind):
    host, _, port = bind.rpartition(":")
    return host, int(port)


def test_of_rescued_sockets_only_those_that_are_asked_for_count(sockets, bind):
    other = f"127.0.0.1:{free_port()}"
    sockets.rescue([listen(bind), listen(other)], only=(bind,))
    assert connects(bind)
    assert not connects(other)


def test_an_address_that_cannot_be_opened_is_why_a_worker_cannot_start(sockets, bind):
    with listen(bind):
        sockets.follow([handed(bind)])
        with pytest.raises(CannotStart, match="is held by pid"):
            sockets.of(taker(bind))
        assert ("api", bind) in sockets.problems
    sockets.try_again()
    assert sockets.problems == {}
    assert len(sockets.of(taker(bind))) == 1
