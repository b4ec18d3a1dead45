import os
from dataclasses import replace

import pytest

from webqx_supervisor.model.gateway import Upstream
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.tally import Grid, Tally, create
from webqx_supervisor.proxy.upstream import LiveUpstream

WORKER = Upstream("api:1@4711", "127.0.0.1", 3001, 4711)


@pytest.fixture
def tallies():
    """Two proxies' views of one map."""
    fd = create()
    grids = [Grid(fd), Grid(os.dup(fd))]
    grids[0].own_slot(5, 1)
    for row, grid in enumerate(grids):
        grid.own_row(row, 100 + row)
    yield [Tally(grid, row) for row, grid in enumerate(grids)]
    for grid in grids:
        grid.close()


@pytest.fixture
async def reactor():
    return Reactor()


async def test_a_successor_is_known_by_the_same_token_that_tells_no_secrets(reactor):
    names = ("api:1@4711", "api:1@4712", "api:2@4711", "web:1@4711")
    tokens = [LiveUpstream(reactor, replace(WORKER, id=name)).token for name in names]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3
    assert all(b"4711" not in token and b"3001" not in token for token in tokens)


async def test_two_proxies_see_what_both_have_in_flight(reactor, tallies):
    one, two = LiveUpstream(reactor, WORKER), LiveUpstream(reactor, WORKER)
    for live, tally in zip((one, two), tallies, strict=True):
        live.apply(replace(WORKER, slot=5), tally)
        live.enter()
    two.enter()
    assert (one.load(), two.load()) == (3, 3)
    assert (one.in_flight, two.in_flight) == (1, 2)
    two.leave()
    assert one.load() == 2


async def test_what_is_in_flight_moves_along_with_the_slot(reactor, tallies):
    live = LiveUpstream(reactor, WORKER)
    live.enter()
    tally = tallies[0]
    for slot in (3, 4):
        live.apply(replace(WORKER, slot=slot), tally)
        live.apply(replace(WORKER, slot=slot), tally)
        assert tally.total(slot) == live.load() == 1
    assert tally.total(3) == 0
    live.apply(WORKER, tally)
    assert tally.total(4) == 0
    assert live.load() == 1
    live.leave()
    assert live.load() == tally.total(4) == 0


async def test_a_new_map_is_told_what_is_in_flight(reactor, tallies):
    live = LiveUpstream(reactor, WORKER)
    live.apply(replace(WORKER, slot=3), tallies[0])
    live.enter()
    live.apply(replace(WORKER, slot=3), tallies[1])
    assert [tallies[0].grid.get(row, 3) for row in (0, 1)] == [0, 1]
