"""The past is written down and judged."""

import sqlite3

import pytest
import trio
from helpers import auntil

from webqx_supervisor.core.traffic import CLASSES, Traffic
from webqx_supervisor.daemon.history.record import Gauge, Record, Sources
from webqx_supervisor.daemon.history.store import FINE, Store
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.history import Served, Slo


class World:
    """A clock, and one service whose figures a test sets."""

    def __init__(self, path):
        self.now = 1_000_000.0
        self.up = True
        self.answered = [0] * CLASSES
        self.slo = Slo()
        self.registry = Registry()

        async def gauges():
            return {"api": Gauge(in_flight=2, workers_up=1)}

        sources = Sources(
            lambda: {"api": self.up},
            gauges,
            lambda: {"api": Traffic(answered=tuple(self.answered))},
            lambda: {("api", 1): Traffic(answered=tuple(self.answered))},
            lambda: {"api": self.slo},
        )
        self.record = Record(path, self.registry, sources, lambda: self.now)

    def pass_by(self, seconds):
        self.now += seconds
        self.registry.changed()


@pytest.fixture
async def world(tmp_path, nursery):
    world = World(tmp_path / "history.db")
    nursery.start_soon(world.record.run)
    await auntil((tmp_path / "history.db").exists)
    await trio.testing.wait_all_tasks_blocked(0.05)
    yield world
    nursery.cancel_scope.cancel()
    await world.record.aclose()


async def test_every_10_s_a_point_of_what_was_since_the_last(world):
    world.answered = [0, 7, 0, 1, 2]
    world.pass_by(FINE)
    await auntil(lambda: world.record.latest)
    point = world.record.latest["api"]
    assert (point.at, point.span) == (1_000_010, 10.0)
    assert (point.requests, point.errors, point.in_flight, point.workers_up) == (10, 2, 2, 1)
    assert world.record.served == {("api", 1): Served(10.0, requests=10, errors=2)}
    world.answered = [0, 8, 0, 1, 2]
    world.pass_by(FINE)
    await auntil(lambda: world.record.latest["api"] != point)
    assert (world.record.latest["api"].requests, world.record.latest["api"].errors) == (1, 0)
    points = []

    async def read():
        points[:] = await world.record.points("api", 3600)

    await read()
    assert [each.requests for each in points] == [10, 1]


async def test_before_its_time_nothing_is_written(world):
    world.pass_by(FINE - 1)
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert world.record.latest == {}


async def test_a_clock_that_was_set_back_costs_one_point_at_most(world):
    world.pass_by(-86400)
    await trio.testing.wait_all_tasks_blocked(0.05)
    world.answered = [0, 7, 0, 0, 0]
    world.pass_by(FINE)
    await auntil(lambda: world.record.latest and world.record.latest["api"].requests == 7)
    assert world.record.latest["api"].span == FINE
    assert all(span.at <= world.now for span in world.record._spans.values())


async def test_objectives_are_judged_by_it(world):
    world.slo = Slo(errors=0.1)
    world.answered = [0, 90, 0, 0, 10]
    world.pass_by(FINE)
    await auntil(lambda: world.record.standings)
    (standing,) = world.record.standings["api"]
    assert standing.reached == pytest.approx(0.9)
    assert standing.budget_left == pytest.approx(0.0)


async def test_a_disk_that_takes_nothing_costs_the_points_only(tmp_path, nursery, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "add", full)
    world = World(tmp_path / "history.db")
    nursery.start_soon(world.record.run)
    await auntil((tmp_path / "history.db").exists)
    await trio.testing.wait_all_tasks_blocked(0.05)
    for _ in range(2):
        world.pass_by(FINE)
        await auntil(lambda: world.record.latest)
    assert await world.record.points("api", 60) == []
    await world.record.aclose()


async def test_a_folder_that_is_not_there_costs_the_history_only(tmp_path, nursery):
    world = World(tmp_path / "nowhere" / "history.db")
    nursery.start_soon(world.record.run)
    await trio.testing.wait_all_tasks_blocked(0.05)
    world.pass_by(FINE)
    await auntil(lambda: world.record.latest)
    assert await world.record.points("api", 60) == []
