"""Proxies from the daemon's side; the test plays the proxies on the other end of real links."""

import itertools
import os
import signal
import socket
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from helpers import auntil, free_port

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.link import Link
from webqx_supervisor.daemon import figures
from webqx_supervisor.daemon.proxies import Proxies
from webqx_supervisor.daemon.proxy import Proxy
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.gateway import (
    Forwarding,
    Listener,
    Table,
    Upstream,
    UpstreamGroup,
    UpstreamState,
)
from webqx_supervisor.model.link import (
    Applied,
    Ask,
    Count,
    CountIn,
    Idle,
    Leave,
    Report,
    Share,
    Silent,
    TableMessage,
)
from webqx_supervisor.net.tally import Grid, Tally
from webqx_supervisor.process.identity import Identity

SECONDS = 20
pids = itertools.count(900_001)


class FakeProcess:
    """A process that ends when the test says so, or when it is signalled."""

    def __init__(self) -> None:
        self.pid = next(pids)
        self.identity = Identity(self.pid, 1, "boot")
        self.ended = trio.Event()
        self.signals: list[int] = []

    async def wait(self) -> Exit:
        await self.ended.wait()
        return Exit()

    def send_signal(self, number: int) -> None:
        self.signals.append(number)
        self.ended.set()


class Actor:
    """One adopted proxy, and the test's end of its link."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.process = FakeProcess()
        self.link = Link(theirs)
        self.proxy = Proxy(self.process, Link(ours), f"link={self.process.pid}", -100.0, 1.0)

    async def hear(self, kind):
        """Return the next message of that kind; what else comes is passed over."""
        with trio.fail_after(SECONDS):
            while True:
                message, fds = await self.link.receive()
                for fd in fds:
                    os.close(fd)
                if isinstance(message, kind):
                    return message


class Play:
    def __init__(self) -> None:
        self.registry = Registry()
        self.sockets = ListeningSockets(FdStore(""), self.registry)
        self.listeners: tuple[Listener, ...] = ()
        self.groups: tuple[UpstreamGroup, ...] = ()
        self.proxies = Proxies(
            lambda version: Table(version, self.listeners, groups=self.groups),
            self.sockets,
            FdStore(""),
            self.registry,
            [os.devnull],
        )

    def listen(self, *listeners: Listener) -> None:
        self.listeners = listeners
        self.sockets.follow(listeners)

    @asynccontextmanager
    async def of(self, *actors: Actor, inherited=None):
        """Run with these proxies adopted and as many wanted."""
        self.proxies.adopt([actor.proxy for actor in actors], inherited or {})
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.proxies.run, len(actors))
                yield
                nursery.cancel_scope.cancel()
        finally:
            for proxy in self.proxies.running:
                proxy.process.send_signal(signal.SIGKILL)
                proxy.link.close()
                with trio.CancelScope(shield=True):
                    await proxy.process.wait()

    async def until(self, condition) -> None:
        with trio.fail_after(SECONDS):
            await self.registry.until(condition)


@pytest.fixture
def play():
    play = Play()
    yield play
    play.sockets.close()
    play.proxies._tallies.close()
    play.proxies.counters.close()


@pytest.fixture
async def actors():
    actors = [Actor(), Actor()]
    yield actors
    for actor in actors:
        actor.link.close()
        actor.proxy.link.close()


def once_idle(play, nursery, upstream="api:1@7"):
    done = trio.Event()

    async def wait() -> None:
        await play.proxies.idle(upstream)
        done.set()

    nursery.start_soon(wait)
    return done


async def quiet() -> None:
    await trio.testing.wait_all_tasks_blocked(0.02)


async def test_an_upstream_is_idle_when_every_proxy_says_so_of_the_present_table(
    play, actors, nursery
):
    async with play.of(*actors):
        done = once_idle(play, nursery)
        for actor in actors:
            await quiet()
            assert not done.is_set()
            table = (await actor.hear(TableMessage)).table
            await actor.link.send(Applied(table.version))
            await actor.link.send(Idle(("api:1@7",)))
        with trio.fail_after(SECONDS):
            await done.wait()


async def test_all_who_leave_at_once_wait_for_the_same_table(play, actors, nursery):
    actor, names = actors[0], tuple(f"api:{number}@7" for number in range(50))
    states = dict.fromkeys(names, UpstreamState.UP)

    def build(version):
        nonlocal built
        built += 1
        upstreams = (Upstream(name, "127.0.0.1", 1, 7, state) for name, state in states.items())
        return Table(version, groups=(UpstreamGroup("api", tuple(upstreams)),))

    async def leave(name) -> None:
        states[name] = UpstreamState.DRAINING
        play.registry.changed()
        await play.proxies.idle(name)

    built, play.proxies._build = 0, build
    async with play.of(actor):
        await actor.hear(TableMessage)
        await quiet()  # or the table may be looked at when only some of them have left
        before = built
        async with trio.open_nursery() as leaving:
            for name in names:
                leaving.start_soon(leave, name)
            table = (await actor.hear(TableMessage)).table
            every = [each.state for each in table.groups[0].upstreams]
            assert every == [UpstreamState.DRAINING] * len(names)
            assert built - before < 10
            await actor.link.send(Applied(table.version))
            await actor.link.send(Idle(names))


async def test_what_was_said_to_an_earlier_daemon_does_not_count(play, actors, nursery):
    actor = actors[0]
    await actor.link.send(Applied(500))
    await actor.link.send(Idle(("api:1@7",)))
    async with play.of(actor):
        done = once_idle(play, nursery)
        version = (await actor.hear(TableMessage)).table.version
        await quiet()
        assert not done.is_set()
        await actor.link.send(Applied(version))
        await quiet()
        assert not done.is_set()
        await actor.link.send(Idle(("api:1@7",)))
        with trio.fail_after(SECONDS):
            await done.wait()


async def test_adopted_proxies_count_before_they_run(play, actors, nursery):
    play.proxies.adopt([actors[0].proxy], {})
    done = once_idle(play, nursery)
    await quiet()
    assert not done.is_set()
    assert [entry.pid for entry in play.proxies.entries()] == [actors[0].process.pid]
    nursery.cancel_scope.cancel()


async def test_a_proxy_that_dies_holds_up_no_drain(play, actors, nursery):
    async with play.of(*actors):
        done = once_idle(play, nursery)
        version = (await actors[0].hear(TableMessage)).table.version
        await actors[0].link.send(Applied(version))
        await actors[0].link.send(Idle(("api:1@7",)))
        play.proxies.resize(1)
        actors[1].process.ended.set()
        with trio.fail_after(SECONDS):
            await done.wait()


async def test_one_that_leaves_does_not_keep_another_from_being_replaced(play, actors):
    async with play.of(*actors):
        play.proxies.resize(1)
        await actors[1].hear(Leave)
        actors[0].process.ended.set()
        await play.until(lambda: any(proxy.process.pid < 900_000 for proxy in play.proxies.running))
        assert not actors[1].process.ended.is_set()


async def test_more_are_wanted_again_while_one_still_leaves(play, actors):
    async with play.of(*actors):
        play.proxies.resize(1)
        play.proxies.resize(2)
        await play.until(lambda: len(play.proxies.running) == 3)
        assert [proxy.leaving for proxy in play.proxies.running] == [False, True, False]


async def test_one_that_is_too_many_by_the_time_it_has_started_leaves(play, actors):
    async with play.of(actors[0]):
        play.proxies.resize(2)
        play.proxies.resize(1)
        await play.until(lambda: len(play.proxies.running) == 2)
        assert play.proxies.running[1].leaving


async def test_one_that_leaves_is_given_no_new_socket(play, actors):
    async with play.of(*actors):
        for actor in actors:
            await actor.hear(TableMessage)
        play.proxies.resize(1)
        await actors[1].hear(Leave)
        bind = f"127.0.0.1:{free_port()}"
        play.listen(Listener("web", (bind,)))
        assert (await actors[0].hear(TableMessage)).sockets == (("web", bind),)
        assert (await actors[1].hear(TableMessage)).sockets == ()


async def test_a_socket_is_sent_once_and_a_reopened_one_anew(play, actors):
    bind = f"127.0.0.1:{free_port()}"
    play.listen(Listener("web", (bind,)))
    async with play.of(actors[0]):
        assert (await actors[0].hear(TableMessage)).sockets == (("web", bind),)
        play.listeners = (*play.listeners, Listener("other", ()))
        play.registry.changed()
        assert (await actors[0].hear(TableMessage)).sockets == ()
        play.listen()
        play.listen(Listener("web", (bind,)))  # before any proxy saw the first change
        assert (await actors[0].hear(TableMessage)).sockets == (("web", bind),)


async def test_figures_come_from_those_that_answer_this_question(play, actors, monkeypatch):
    monkeypatch.setattr(figures, "ANSWER_TIME", 2.0)
    await actors[1].link.send(Report(500, actors[1].process.pid, 0, 0, ()))
    async with play.of(*actors):

        async def answer() -> None:
            ticket = (await actors[0].hear(Ask)).ticket
            await actors[0].link.send(Report(ticket, actors[0].process.pid, 3, 9, ()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            reports = await play.proxies.figures.reports()
        assert [report.pid for report in reports] == [actors[0].process.pid]


async def test_a_silence_is_heard_by_whoever_waits_for_that_one(play, actors):
    async with play.of(*actors):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play.proxies.figures.silence, "api:2@2")
            nursery.start_soon(play.proxies.figures.silence, "api:1@1")
            await trio.testing.wait_all_tasks_blocked()
            await actors[1].link.send(Silent(("api:1@1", "web:1@3")))
            await auntil(lambda: len(nursery.child_tasks) == 1)
            nursery.cancel_scope.cancel()
        assert not play.proxies.figures._silences


async def test_counts_are_all_or_none(play, actors, monkeypatch):
    monkeypatch.setattr(figures, "ANSWER_TIME", 2.0)
    count = Count("api:1@1", 2, 3, 1, 0.5, 7.25)

    async def answer(actor: Actor) -> None:
        ticket = (await actor.hear(Ask)).ticket
        await actor.link.send(Report(ticket, actor.process.pid, 3, 9, (count,)))

    async with play.of(*actors[:2]), trio.open_nursery() as nursery:
        nursery.start_soon(answer, actors[0])
        assert await play.proxies.figures.counts() is None
        await actors[1].hear(Ask)  # the one it did not answer
        nursery.start_soon(answer, actors[0])
        nursery.start_soon(answer, actors[1])
        assert await play.proxies.figures.counts() == (count, count)


async def test_leaving_waits_for_one_that_is_just_being_started(play):
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(play.proxies.run, 1)
            await play.proxies.leave(5)
    assert play.proxies.running == []


async def test_one_that_does_not_leave_in_time_is_killed(play, actors, autojump_clock):
    async with play.of(actors[0]):
        await play.proxies.leave(5)
        assert actors[0].process.signals == [signal.SIGKILL]


LIMITED = UpstreamGroup(
    "api", (Upstream("api:1@7", "127.0.0.1", 1, 7),), Forwarding(max_in_flight=1)
)


async def test_several_proxies_are_told_where_to_count_together_before_the_table(play, actors):
    play.groups = (LIMITED,)
    async with play.of(*actors):
        slots, rows = set(), []
        for actor in actors:
            rows.append((await actor.hear(Share)).row)
            (group,) = (await actor.hear(TableMessage)).table.groups
            slots.add((group.slot, group.upstreams[0].slot))
        assert sorted(rows) == [0, 1]
        ((queue, worker),) = slots
        assert queue != worker
        assert min(queue, worker) >= 0


async def test_a_single_proxy_counts_for_itself_until_there_are_two(play, actors):
    play.groups = (LIMITED,)
    async with play.of(actors[0]):
        (group,) = (await actors[0].hear(TableMessage)).table.groups
        assert (group.slot, group.upstreams[0].slot) == (-1, -1)
        play.proxies.resize(2)
        await actors[0].hear(Share)
        (group,) = (await actors[0].hear(TableMessage)).table.groups
        assert group.slot >= 0


async def test_what_a_proxy_counted_ends_with_it(play, actors):
    play.groups = (LIMITED,)
    async with play.of(*actors):
        rows = [(await actor.hear(Share)).row for actor in actors]
        slot = (await actors[0].hear(TableMessage)).table.groups[0].upstreams[0].slot
        grid = Grid(os.dup(play.proxies._tallies.fd))
        for row in rows:
            Tally(grid, row).add(slot, 1)
        play.proxies.resize(1)
        actors[1].process.ended.set()
        await play.until(lambda: len(play.proxies.running) == 1)
        assert grid.get(rows[0], slot) == 1
        assert grid.get(rows[1], slot) == 0
        grid.close()


async def test_an_adopted_proxy_goes_on_counting_where_it_did(play, actors):
    play.groups = (LIMITED,)
    tallies = play.proxies._tallies
    row = tallies.enroll(actors[0].process.pid)
    inherited = {"tally": [os.dup(tallies.fd)]}
    tallies.close()
    async with play.of(*actors, inherited=inherited):
        await actors[1].hear(Share)
        first, fds = await actors[0].link.receive()
        assert isinstance(first, CountIn)
        os.close(*fds)
        second, _ = await actors[0].link.receive()
        assert isinstance(second, TableMessage)
        assert tallies.row(actors[0].process.pid) == row
