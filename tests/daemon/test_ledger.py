"""One look at all trees serves all who ask at about the same time."""

import pytest
import trio
from helpers import auntil

from webqx_supervisor.daemon.ledger import Ledger
from webqx_supervisor.process.identity import identify
from webqx_supervisor.process.usage import sample


@pytest.fixture
def ledger(monkeypatch):
    """One whose looks are counted."""
    ledger = Ledger()
    ledger.looks = 0
    take = ledger._take

    async def counted():
        ledger.looks += 1
        await take()

    monkeypatch.setattr(ledger, "_take", counted)
    return ledger


@pytest.fixture
async def child():
    async with trio.open_nursery() as nursery:
        yield await nursery.start(trio.run_process, ["sleep", "600"])
        nursery.cancel_scope.cancel()


async def test_who_is_content_with_an_older_look_gets_it(ledger):
    await ledger.look()
    await ledger.look(age=1000)
    assert ledger.looks == 1
    await ledger.look()
    assert ledger.looks == 2


async def test_who_asks_while_one_looks_gets_the_next_together(ledger):
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ledger.look)
    assert ledger.looks <= 2


async def test_a_newcomer_is_never_missing(ledger, child):
    await ledger.look()
    await auntil(lambda: sample(child.pid).rss_bytes > 0)  # it has run
    ledger.follow(lambda: [("cookie", identify(child.pid))])
    trees = await ledger.look(age=1000)
    assert [entry.pid for entry in trees["cookie"]] == [child.pid]
    memory = await ledger.memory()
    assert memory[child.pid] > 0
