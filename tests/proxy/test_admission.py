import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import trio

from webqx_supervisor.net.channel import Channel, Stalled
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.admission import (
    REPORT_AFTER,
    Complaints,
    Headcount,
    close_some,
    idle_among,
)
from webqx_supervisor.proxy.doors import Door
from webqx_supervisor.proxy.gateway import Client


def test_addresses_are_counted_from_the_moment_it_matters_on():
    count = Headcount()
    for ip in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        count.enter(ip)
    assert (count.total, count.of("10.0.0.1")) == (3, 0)
    count.count_addresses(wanted=True, present=["10.0.0.1", "10.0.0.1", "10.0.0.2"])
    count.enter("10.0.0.2")
    count.leave("10.0.0.1")
    assert (count.total, count.of("10.0.0.1"), count.of("10.0.0.2")) == (3, 1, 2)
    count.count_addresses(wanted=True, present=[])  # a new table that changes nothing
    assert count.of("10.0.0.2") == 2
    count.count_addresses(wanted=False, present=[])
    assert (count.total, count.of("10.0.0.2")) == (3, 0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%lo", "fe80::2%eth0", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
    ],
)
def test_an_ipv6_client_is_its_64_bit_network(one, other, same):
    count = Headcount()
    count.count_addresses(wanted=True, present=[one])
    assert count.of(one) == 1
    assert count.of(other) == (1 if same else 0)


@dataclass
class Room:
    reactor: Reactor
    clients: list[Client] = field(default_factory=list)
    peers: list[socket.socket] = field(default_factory=list)
    left: list[Client] = field(default_factory=list)

    async def waiting(self, seconds: float, *, busy: bool = False) -> Client:
        """Return a client that is waited for, so long."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        client = Client(Channel(self.reactor, ours), "10.0.0.1", Door("web"))
        client.busy = busy
        started = trio.Event()

        async def serve() -> None:
            started.set()
            try:
                await client.channel.wait_readable(seconds)
            except Stalled:
                pass
            finally:
                self.left.append(client)

        client.task = self.reactor.spawn(serve())
        self.clients.append(client)
        self.peers.append(theirs)
        await started.wait()
        return client


@pytest.fixture
async def room(nursery) -> AsyncIterator[Room]:
    opened = Room(Reactor(clock=trio.current_time))
    nursery.start_soon(opened.reactor.run)
    yield opened
    for peer in opened.peers:
        peer.close()


async def test_the_one_whose_time_is_over_soonest_goes_first(room: Room):
    clients = {seconds: await room.waiting(seconds) for seconds in (30, 10, 20)}
    for seconds in (10, 20, 30):
        assert close_some(room.clients) == 1
        assert room.left[-1] is clients[seconds]
        room.clients.remove(clients[seconds])
    assert close_some(room.clients) == 0


async def test_who_is_served_stays(room: Room):
    idle, _ = await room.waiting(10), await room.waiting(10, busy=True)
    assert idle_among(room.clients) == [idle]


async def test_who_has_just_sent_something_stays(room: Room):
    first, second = await room.waiting(10), await room.waiting(20)
    room.peers[0].send(b"GET")  # the reactor has not looked yet
    assert close_some(room.clients) == 1
    assert room.left == [second]
    assert first not in room.left


async def test_who_has_not_begun_yet_stays(room: Room):
    ours, theirs = socket.socketpair()
    client = Client(Channel(room.reactor, ours), "10.0.0.1", Door("web"))

    async def serve() -> None:
        await client.channel.wait_readable(10)

    client.task = room.reactor.spawn(serve())
    assert close_some([client]) == 0
    client.task.cancel()
    theirs.close()


async def test_of_many_some_go_at_once(room: Room):
    for _ in range(200):
        await room.waiting(10)
    assert close_some(room.clients) == 3


async def test_many_complaints_are_one_line_at_a_time(room: Room, autojump_clock, caplog):
    complaints = Complaints(room.reactor)
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            complaints.turned_away()
        complaints.closed(7)
        await trio.sleep(REPORT_AFTER + 1)
        complaints.turned_away()
        await trio.sleep(REPORT_AFTER + 1)
        await trio.sleep(REPORT_AFTER + 1)
    assert [record.getMessage() for record in caplog.records] == [
        "connection limits: 100 clients turned away, 7 idle ones closed to make room",
        "connection limits: 1 clients turned away, 0 idle ones closed to make room",
    ]
