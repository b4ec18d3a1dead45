"""The map of what is counted from the daemon's side: given once, kept, and nothing is lost."""

import os
import socket
from types import SimpleNamespace

import pytest

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.link import Link
from webqx_supervisor.core.counting import RETRIES, SENT, Kind, probed, restarted
from webqx_supervisor.daemon.counters import NAME, Counters
from webqx_supervisor.daemon.life import Life
from webqx_supervisor.daemon.proxy import Proxy
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Listener, Route
from webqx_supervisor.model.link import CountIn
from webqx_supervisor.model.service import Service
from webqx_supervisor.net.sheets import SHEETS, Sheet

ROUTE = (Kind.ROUTE, "web:/", "api")


class Actor:
    """A proxy as the daemon sees it, and the test's end of its link."""

    def __init__(self, pid):
        ours, theirs = socket.socketpair()
        self.pid = pid
        self.link = Link(theirs)
        self.proxy = Proxy(SimpleNamespace(pid=pid), Link(ours), "link", 0.0, 0.0)

    async def sheet(self):
        message, (fd,) = await self.link.receive()
        assert isinstance(message, CountIn)
        sheet = Sheet.of_proxy(fd, message.sheet)
        os.close(fd)
        return sheet

    def close(self):
        self.link.close()
        self.proxy.link.close()


@pytest.fixture
async def actors():
    actors = [Actor(11), Actor(12)]
    yield actors
    for actor in actors:
        actor.close()


@pytest.fixture
def counters():
    counters = Counters(FdStore(""))
    counters.adopt({}, [])
    yield counters
    counters.close()


def count(sheet, key=ROUTE, which=RETRIES, change=1):
    sheet.words[sheet.place(key) + which] += change


def successor(counters, living=()):
    """Return what the next daemon has of these counters."""
    after = Counters(FdStore(""))
    after.adopt({NAME: [os.dup(counters._sheets.fd)]}, living)
    return after


async def test_every_proxy_is_told_once_and_has_a_sheet_of_its_own(counters, actors):
    for actor in actors:
        assert await counters.share(actor.proxy)
        assert not await counters.share(actor.proxy)
        count(await actor.sheet())
    assert counters.entries()[ROUTE][RETRIES] == 2
    assert [counters.number(actor.pid) for actor in actors] == [1, 2]
    assert counters.number(99) is None


async def test_what_a_proxy_has_counted_stays_when_it_ends(counters, actors):
    await counters.share(actors[0].proxy)
    count(await actors[0].sheet(), change=5)
    counters.dismiss(actors[0].pid)
    counters.dismiss(actors[0].pid)
    assert counters.entries()[ROUTE][RETRIES] == 5
    assert counters.number(actors[0].pid) is None


async def test_the_next_daemon_goes_on_and_proxies_with_it(counters, actors):
    for actor in actors:
        await counters.share(actor.proxy)
        count(await actor.sheet(), change=actor.pid)
    after = successor(counters, [12])  # one has ended while there was no daemon
    assert after.entries()[ROUTE][RETRIES] == 23
    assert (after.number(11), after.number(12)) == (None, 2)
    again = Actor(12)
    await after.share(again.proxy)
    count(await again.sheet())
    assert after.entries()[ROUTE][RETRIES] == 24
    again.close()
    after.close()


def test_so_does_what_the_daemon_counts_itself(counters):
    life = Life()
    life.restarted("api", 1, "signal")
    counters.keep(life)
    life.restarted("api", 1, "oom")
    after, heir = successor(counters), Life()
    after.keep(heir)
    heir.restarted("api", 1, "oom")
    heir.probed("api", 1, "bad")
    numbers = after.entries()[Kind.LIFE, "api", "1"]
    assert numbers[restarted("signal")] == 1
    assert numbers[restarted("oom")] == 2
    assert numbers[probed("bad")] == 1
    after.close()


async def test_what_there_is_no_more_is_forgotten_also_by_those_who_have_gone(counters, actors):
    await counters.share(actors[0].proxy)
    sheet = await actors[0].sheet()
    for key in (ROUTE, (Kind.ROUTE, "web:/old", "old"), (Kind.WORKER, "old", "1")):
        count(sheet, key)
    life = Life()
    counters.keep(life)
    life.restarted("old", 1, "exit")
    life.restarted("api", 1, "exit")
    counters.dismiss(actors[0].pid)
    config = Config(
        "x",
        "/services.toml",
        services=(Service("api", ("true",), "/"),),
        listeners=(Listener("web", ()),),
        routes=(Route("web", "api"),),
    )
    counters.forget_all_but(config)
    assert set(counters.entries()) == {ROUTE, (Kind.LIFE, "api", "1")}
    life.restarted("api", 1, "exit")
    assert counters.entries()[Kind.LIFE, "api", "1"][restarted("exit")] == 2


async def test_a_map_that_is_none_costs_the_counts_and_no_more(actors, tmp_path, caplog):
    counters = Counters(FdStore(""))
    with (tmp_path / "none").open("wb+") as file:
        counters.adopt({NAME: [os.dup(file.fileno())]}, [])
    assert "begins anew" in caplog.text
    await counters.share(actors[0].proxy)
    count(await actors[0].sheet(), which=SENT)
    assert counters.entries()[ROUTE][SENT] == 1
    counters.close()


async def test_one_proxy_too_many_is_told_nothing(counters, actors, caplog):
    for number in range(SHEETS):
        counters._sheets.give(number, 1000 + number)
    await counters.share(actors[0].proxy)
    assert "too many" in caplog.text
    assert not await counters.share(actors[0].proxy)  # and that is not said all the time


async def test_without_a_map_the_daemon_counts_for_itself(actors, monkeypatch, caplog):
    def fail():
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("webqx_supervisor.net.sheets.create", fail)
    counters, life = Counters(FdStore("")), Life()
    counters.adopt({}, [])
    counters.keep(life)
    assert "no metrics of proxies" in caplog.text
    assert not await counters.share(actors[0].proxy)
    life.restarted("api", 1, "exit")
    assert counters.entries()[Kind.LIFE, "api", "1"][restarted("exit")] == 1
