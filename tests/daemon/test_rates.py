"""The shared table of rate limits from the daemon's side: given once, kept, never two."""

import os
import socket

import pytest

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.link import Link
from webqx_supervisor.core.ratelimit import Quota
from webqx_supervisor.daemon.proxy import Proxy
from webqx_supervisor.daemon.rates import NAME, SharedRates
from webqx_supervisor.model.filters import Filters
from webqx_supervisor.model.gateway import Route, Table
from webqx_supervisor.model.limits import RateLimit
from webqx_supervisor.model.link import ShareRates
from webqx_supervisor.net.rates import Accounts, Rates, create

HOURLY = RateLimit(1, 3600.0, 1)
LIMITED = Table(1, routes=(Route("web", "api", filters=Filters(limits=(HOURLY,))),))
PLAIN = Table(1, routes=(Route("web", "api"),))


class Actor:
    """A proxy as the daemon sees it, and the test's end of its link."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        self.link = Link(theirs)
        self.proxy = Proxy(None, Link(ours), "link", 0.0, 0.0)

    def close(self):
        self.link.close()
        self.proxy.link.close()


@pytest.fixture
async def actors():
    actors = [Actor(), Actor()]
    yield actors
    for actor in actors:
        actor.close()


@pytest.fixture
def shared():
    shared = SharedRates(FdStore(""))
    yield shared
    shared.close()


def take(table):
    return table.take(Accounts([table.account(Quota(HOURLY), b"x", b"client")]))


async def received(actor):
    message, (fd,) = await actor.link.receive()
    assert message == ShareRates()
    return Rates(fd)


async def test_a_table_without_limits_needs_none_to_be_shared(shared, actors):
    assert not await shared.share(actors[0].proxy, PLAIN)
    assert shared._table is None


async def test_every_proxy_gets_the_same_table_and_gets_it_once(shared, actors):
    one, two = actors
    assert await shared.share(one.proxy, LIMITED)
    assert await shared.share(two.proxy, LIMITED)
    assert not await shared.share(one.proxy, LIMITED)
    first, second = await received(one), await received(two)
    assert take(first) == 0
    assert take(second) > 0
    first.close()
    second.close()


async def test_the_next_daemon_goes_on_with_the_table_of_the_one_before(shared, actors):
    one, two = actors
    await shared.share(one.proxy, LIMITED)
    had = await received(one)
    take(had)
    inherited = {NAME: [os.dup(had.fd), os.dup(had.fd)], "other": []}
    successor = SharedRates(FdStore(""))
    successor.adopt(inherited)
    assert inherited == {"other": []}
    await successor.share(two.proxy, LIMITED)
    got = await received(two)
    assert got.secret == had.secret
    assert take(got) > 0
    for each in (successor, got, had):
        each.close()


async def test_a_kept_descriptor_that_is_no_table_is_let_go(shared, actors):
    fd = create()
    os.ftruncate(fd, 10)
    shared.adopt({NAME: [fd]})
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
    one = actors[0]
    assert await shared.share(one.proxy, LIMITED)
    (await received(one)).close()
