"""The link between daemon and proxy, over real socket pairs."""

import os
import socket

import pytest
import trio
import trio.testing

from webqx_supervisor.control.link import LINE_LIMIT, MOST_FDS, Link, LinkClosed
from webqx_supervisor.model.gateway import Listener, Route, Table, Upstream, UpstreamGroup
from webqx_supervisor.model.link import (
    Applied,
    Ask,
    Count,
    Idle,
    Leave,
    Message,
    Report,
    TableMessage,
)

MESSAGES: list[Message] = [
    Leave(30.0),
    Ask(7),
    Applied(3),
    Idle(("api:1@4711", "api:2@4712")),
    Report(7, 99, 5, 1000, (Count("api:1@4711", 2, 998),)),
    TableMessage(
        Table(
            4,
            (Listener("web", ("0.0.0.0:80", "[::]:80")),),
            (Route("web", "api", "api.webqx.com", "/api/", "standby"),),
            (UpstreamGroup("api", (Upstream("api:1@4711", "127.0.0.1", 3001, 4711),)),),
        )
    ),
]


@pytest.fixture
async def ends():
    near, far = socket.socketpair()
    with Link(near) as left, Link(far) as right:
        yield left, right


@pytest.fixture
async def raw():
    """A link, and the bare socket at its other end."""
    near, far = socket.socketpair()
    with Link(near) as link, far:
        yield link, far


def table(upstreams: int) -> TableMessage:
    group = UpstreamGroup(
        "api",
        tuple(Upstream(f"api:{n}@{n}", "127.0.0.1", 3000 + n, n) for n in range(upstreams)),
    )
    return TableMessage(Table(1, groups=(group,)))


def identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def hang_up_seen(reader: int) -> bool:
    """Whether nobody holds the other end of a pipe any more."""
    os.set_blocking(reader, False)
    try:
        return os.read(reader, 1) == b""
    except BlockingIOError:
        return False


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
async def test_every_message_arrives_as_it_was_sent(ends, message):
    left, right = ends
    await left.send(message)
    assert await right.receive() == (message, [])


async def test_both_directions_are_independent(ends):
    left, right = ends
    await left.send(Ask(1))
    await right.send(Applied(2))
    assert await left.receive() == (Applied(2), [])
    assert await right.receive() == (Ask(1), [])


async def test_a_big_table_passes_while_it_is_read(ends):
    left, right = ends
    big = table(20_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.send, big)
        assert await right.receive() == (big, [])


async def test_descriptors_arrive_with_their_own_message_in_order(ends):
    left, right = ends
    pipes = [os.pipe() for _ in range(6)]
    fds = [fd for pipe in pipes for fd in pipe]
    try:
        await left.send(Ask(1))
        await left.send(Ask(2), fds[:1])
        await left.send(Ask(3))
        await left.send(Ask(4), fds[1:4])
        await left.send(Ask(5), fds[4:])
        for ticket, expected in enumerate([[], fds[:1], [], fds[1:4], fds[4:]], 1):
            message, received = await right.receive()
            assert message == Ask(ticket)
            assert [identity(fd) for fd in received] == [identity(fd) for fd in expected]
            assert not any(os.get_inheritable(fd) for fd in received)
            for fd in received:
                os.close(fd)
    finally:
        for fd in fds:
            os.close(fd)


async def test_descriptors_go_with_a_message_of_many_reads(ends):
    left, right = ends
    reader, writer = os.pipe()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.send, table(20_000), [writer])
        nursery.start_soon(left.send, Ask(1))
        messages = [await right.receive(), await right.receive()]
    by_kind = {type(message): fds for message, fds in messages}
    assert by_kind[Ask] == []
    (received,) = by_kind[TableMessage]
    assert identity(received) == identity(writer)
    for fd in (reader, writer, received):
        os.close(fd)


async def test_several_senders_never_mix_their_lines(ends):
    left, right = ends
    async with trio.open_nursery() as nursery:
        for size in range(1000, 1020):
            nursery.start_soon(left.send, table(size))
        received = [await right.receive() for _ in range(20)]
    sizes = [len(message.table.groups[0].upstreams) for message, _ in received]
    assert sorted(sizes) == list(range(1000, 1020))


async def test_a_successor_goes_on_behind_half_a_line(raw):
    link, far = raw
    reader, writer = os.pipe()
    socket.send_fds(far, [b'{"kind":"TableMessage","fds":1,"tab'], [writer])
    os.close(writer)
    with Link(far.dup()) as successor:
        await successor.send(Applied(5))
        assert await link.receive() == (Applied(5), [])
    assert hang_up_seen(reader)
    os.close(reader)


async def test_half_a_line_with_descriptors_does_not_take_those_of_the_next(raw):
    link, far = raw
    stale, mine = os.pipe()
    socket.send_fds(far, [b'{"kind":"Ask","fds":1,'], [stale])
    with Link(far.dup()) as successor:
        await successor.send(Ask(1), [mine])
        message, (received,) = await link.receive()
    assert message == Ask(1)
    assert identity(received) == identity(mine)
    for fd in (stale, mine, received):
        os.close(fd)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[1,2]",
        b"3",
        b"{}",
        b'{"kind":"Ask"}',
        b'{"kind":"Sing","fds":0}',
        b'{"kind":"Ask","fds":0}',
        b'{"kind":"Ask","fds":0,"ticket":"seven"}',
        b'{"kind":"Ask","fds":1,"ticket":7}',
        b'{"kind":["Ask"],"fds":0,"ticket":7}',
        b"[" * 100_000,
    ],
    ids=lambda line: line[:30].decode("latin-1"),
)
async def test_a_line_that_is_no_message_is_skipped(raw, line):
    link, far = raw
    far.sendall(line + b"\n")
    far.sendall(b'{"kind":"Ask","fds":0,"ticket":7,"from_the_future":1}\n')
    assert await link.receive() == (Ask(7), [])


async def test_the_descriptors_of_a_skipped_line_are_closed(raw):
    link, far = raw
    reader, writer = os.pipe()
    socket.send_fds(far, [b'{"kind":"Sing","fds":1}\n'], [writer])
    os.close(writer)
    far.sendall(b'{"kind":"Ask","fds":0,"ticket":7}\n')
    assert await link.receive() == (Ask(7), [])
    assert hang_up_seen(reader)
    os.close(reader)


async def test_a_line_without_end_is_dropped_and_the_next_one_read(raw):
    link, far = raw

    def flood() -> None:
        for _ in range(LINE_LIMIT // 65536 + 2):
            far.sendall(b"7" * 65536)
        far.sendall(b'\n{"kind":"Ask","fds":0,"ticket":7}\n')

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, flood)
        assert await link.receive() == (Ask(7), [])


async def test_too_much_at_once_is_refused_before_anything_is_sent(ends):
    left, right = ends
    with pytest.raises(ValueError, match="too much"):
        await left.send(Ask(1), [0] * (MOST_FDS + 1))
    with pytest.raises(ValueError, match="too much"):
        await left.send(Idle(("x" * LINE_LIMIT,)))
    await left.send(Ask(2))
    assert await right.receive() == (Ask(2), [])


async def test_a_cancelled_send_is_ended_by_the_next(ends):
    left, right = ends
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(left.send, table(50_000))
            await trio.testing.wait_all_tasks_blocked()  # the socket is full
            scope.cancel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(left.send, Ask(2))
        assert await right.receive() == (Ask(2), [])


async def test_the_end_of_the_other_side_is_told_to_both(ends):
    left, right = ends
    await left.send(Ask(1))
    left.close()
    assert await right.receive() == (Ask(1), [])
    with pytest.raises(LinkClosed):
        await right.receive()
    with pytest.raises(LinkClosed):
        await right.send(Ask(1))
    with pytest.raises(LinkClosed):
        await left.send(Ask(1))


async def test_closing_closes_what_nobody_took(raw):
    link, far = raw
    reader, writer = os.pipe()
    far.sendall(b'{"kind":"Ask","fds":0,"ticket":1}\n')
    socket.send_fds(far, [b'{"kind":"Ask","fds":1,"ticket":2}\n{"kind":"Ask","fds":0,"'], [writer])
    os.close(writer)
    assert await link.receive() == (Ask(1), [])
    link.close()
    assert hang_up_seen(reader)
    os.close(reader)
