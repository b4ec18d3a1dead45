import pytest

from webqx_supervisor.net.parking import ParkingLot
from webqx_supervisor.net.reactor import FOREVER, DeadlinePassed


async def test_the_parked_wake_in_the_order_of_their_coming(arena):
    lot = ParkingLot(arena.reactor)
    woken = []

    async def park(name: str) -> None:
        await lot.park(FOREVER)
        woken.append(name)

    tasks = [arena.reactor.spawn(park(name)) for name in "abc"]
    await arena.result(arena.reactor.yield_turn())
    assert len(lot) == 3
    lot.unpark_all()  # from trio's side
    for task in tasks:
        await arena.result(task.join())
    assert woken == ["a", "b", "c"]
    assert len(lot) == 0


async def test_who_parked_too_long_is_no_longer_parked(arena, autojump_clock):
    lot = ParkingLot(arena.reactor)
    with pytest.raises(DeadlinePassed):
        await arena.result(lot.park(2))
    assert len(lot) == 0
