import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.sockdiag import DEAF, REMEMBERED, DestroyedSockets, pack_ends

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells, others do not")

ABORT = struct.pack("ii", 1, 0)


class Connection:
    """A worker's listening socket, and a connection to it with both its ends."""

    def __init__(self, host: str, bind: str, stack: ExitStack) -> None:
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self.listening = stack.enter_context(socket.socket(family))
        if family == socket.AF_INET6:
            self.listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.listening.bind((bind, 0))
        self.listening.listen()
        self.port = self.listening.getsockname()[1]
        self.ours = stack.enter_context(socket.create_connection((host, self.port)))
        self.theirs = stack.enter_context(self.listening.accept()[0])
        self.ends = pack_ends((host, self.port), self.ours.getsockname()[:2])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def connection(stack: ExitStack) -> Connection:
    return Connection("127.0.0.1", "127.0.0.1", stack)


async def unread_after(arena, connection: Connection, end) -> int:
    """Return what is heard of the worker's end after `end` has brought it about."""
    destroyed = DestroyedSockets(arena.reactor)

    async def ask() -> int:
        mark = destroyed.listen()
        assert mark != DEAF
        end(connection)
        return await destroyed.unread(connection.ends, mark)

    return await arena.result(ask())


@pytest.mark.parametrize(
    ("host", "bind"), [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "::"), ("::1", "::1")]
)
@pytest.mark.parametrize("taken", [0, 1, 98])
async def test_octets_that_an_ended_socket_had_unread_are_counted(arena, stack, host, bind, taken):
    def end(connection: Connection) -> None:
        connection.ours.send(bytes(100))
        if taken:
            connection.theirs.recv(taken)
        connection.theirs.close()

    assert await unread_after(arena, Connection(host, bind, stack), end) == 100 - taken


async def test_what_was_read_before_does_not_count(arena, connection):
    def end(connection: Connection) -> None:
        for _ in range(30):  # by then acknowledgements are delayed
            connection.ours.send(bytes(50))
            connection.theirs.recv(50)
            connection.theirs.send(bytes(50))
            connection.ours.recv(50)
        connection.ours.send(bytes(70))
        connection.theirs.close()

    assert await unread_after(arena, connection, end) == 70


def reads_all(connection: Connection) -> None:
    connection.ours.send(bytes(100))
    connection.theirs.recv(100)
    connection.theirs.close()


def reads_all_and_resets(connection: Connection) -> None:
    connection.ours.send(bytes(100))
    connection.theirs.recv(100)
    connection.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    connection.theirs.close()


def only_peeks_and_lives(connection: Connection) -> None:
    connection.ours.send(bytes(100))
    connection.theirs.recv(100, socket.MSG_PEEK)


@pytest.mark.parametrize("end", [reads_all, reads_all_and_resets, only_peeks_and_lives])
async def test_nothing_is_heard_of_a_socket_that_was_read_empty_or_that_lives(
    arena, connection, end
):
    assert await unread_after(arena, connection, end) == 0


async def test_a_connection_that_was_never_accepted_is_not_told_from_one_reset(arena, stack):
    connection = Connection("127.0.0.1", "127.0.0.1", stack)
    queued = stack.enter_context(socket.create_connection(("127.0.0.1", connection.port)))
    connection.ends = pack_ends(("127.0.0.1", connection.port), queued.getsockname())

    def end(connection: Connection) -> None:
        queued.send(bytes(100))
        connection.listening.close()

    assert await unread_after(arena, connection, end) == 0


async def test_what_was_heard_before_the_mark_is_of_another_socket(arena, connection):
    destroyed = DestroyedSockets(arena.reactor)

    async def ask() -> tuple[int, int]:
        before = destroyed.listen()
        connection.ours.send(bytes(100))
        connection.theirs.close()
        heard = await destroyed.unread(connection.ends, before)
        return heard, await destroyed.unread(connection.ends, destroyed.listen())

    assert await arena.result(ask()) == (100, 0)


async def test_several_may_wait_and_each_hears_of_its_own(arena, stack):
    destroyed = DestroyedSockets(arena.reactor)
    connections = [Connection("127.0.0.1", "127.0.0.1", stack) for _ in range(5)]
    heard: dict[int, int] = {}

    async def ask(number: int, mark: int) -> None:
        heard[number] = await destroyed.unread(connections[number].ends, mark)

    async def ask_all() -> None:
        mark = destroyed.listen()
        tasks = [arena.reactor.spawn(ask(number, mark)) for number in range(5)]
        await arena.reactor.yield_turn()
        for number, connection in enumerate(connections):
            connection.ours.send(bytes(10 + number))
            connection.theirs.close()
        for task in tasks:
            await task.join()

    await arena.result(ask_all())
    assert heard == {number: 10 + number for number in range(5)}


async def test_a_crowd_of_sockets_is_forgotten_in_the_order_of_its_end(arena, connection, stack):
    destroyed = DestroyedSockets(arena.reactor)

    async def end(connection: Connection) -> int:
        mark = destroyed.listen()
        connection.ours.send(bytes(9))
        connection.theirs.close()
        return await destroyed.unread(connection.ends, mark)

    async def ask() -> tuple[int, int]:
        mark = destroyed.listen()
        assert await end(connection) == 9
        for _ in range(REMEMBERED):
            with ExitStack() as each:
                last = Connection("127.0.0.1", "127.0.0.1", each)
                assert await end(last) == 9
        return await destroyed.unread(connection.ends, mark), (
            await destroyed.unread(last.ends, mark)
        )

    assert await arena.result(ask()) == (0, 9)


async def test_where_listening_is_refused_nothing_is_heard_and_nobody_waits(arena, monkeypatch):
    def forbidden(*_arguments: object) -> socket.socket:
        raise PermissionError

    monkeypatch.setattr(socket, "socket", forbidden)  # as a sandbox does it
    destroyed = DestroyedSockets(arena.reactor)
    assert destroyed.listen() == DEAF
    assert destroyed.listen() == DEAF
    monkeypatch.undo()
    ends = pack_ends(("127.0.0.1", 1), ("127.0.0.1", 2))
    assert await arena.result(destroyed.unread(ends, DEAF)) == 0


async def test_after_close_nobody_waits_any_longer(arena, connection):
    destroyed = DestroyedSockets(arena.reactor)

    async def ask() -> int:
        mark = destroyed.listen()
        destroyed.close()
        destroyed.close()
        return await destroyed.unread(connection.ends, mark)

    assert await arena.result(ask()) == 0


def test_who_never_listens_opens_nothing():
    destroyed = DestroyedSockets(Reactor())
    destroyed.close()


def test_ends_are_the_same_however_an_address_is_written():
    assert pack_ends(("::ffff:127.0.0.1", 1), ("127.0.0.1", 2)) == pack_ends(
        ("127.0.0.1", 1), ("::ffff:7f00:1", 2)
    )
    assert pack_ends(("fe80::1%lo", 1), ("::1", 2)) == pack_ends(("fe80::1", 1), ("::1", 2))
