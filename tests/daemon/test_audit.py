"""The audit log as the daemon keeps it: what becomes of records that cannot be written."""

import json
import logging

import pytest
import trio

from webqx_supervisor.config.places import Places
from webqx_supervisor.daemon import audit
from webqx_supervisor.daemon.audit import AuditLog
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.audit import SPOOLS, Audit, OnFailure
from webqx_supervisor.model.errors import WebqxError


@pytest.fixture
def places(tmp_path):
    places = Places.at(tmp_path / "services.toml", tmp_path)
    places.logs.mkdir()
    return places


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
def log(places, registry):
    return AuditLog(places, registry)


def written(places):
    lines = [
        line
        for each in sorted(places.audit.glob("*.jsonl"))
        for line in each.read_text().split("\n")
    ]
    return [json.loads(line) for line in lines if line]


def told(registry):
    return [each.text for each in registry.events() if each.kind == "audit"]


async def test_without_a_policy_nothing_is_written(log, places):
    await log.begin(None)
    await log.tell("a")
    await log.end("stopped")
    assert not places.audit.exists()


async def test_without_a_policy_it_sleeps_and_with_one_it_wakes(log, places, autojump_clock):
    class Steps(trio.abc.Instrument):
        count = 0

        def before_task_step(self, _):
            self.count += 1

    await log.begin(None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        await trio.sleep(2 * audit.TAKE_OVER)
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        await trio.sleep(3600)
        trio.lowlevel.remove_instrument(steps)
        assert steps.count <= 2  # of this task
        spool = places.logs / SPOOLS / "ab-000001.jsonl"
        spool.parent.mkdir()
        spool.write_text('{"kind":"access"}\n')
        await log.follow(Audit())
        while spool.exists():  # the clock stands still meanwhile: it is awake at once
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


async def test_what_cannot_be_written_is_held_and_what_is_too_much_counted(
    log, places, registry, monkeypatch
):
    monkeypatch.setattr(audit, "MOST_HELD", 3)
    places.audit.write_text("in the way")
    await log.begin(Audit())
    for number in range(4):
        await log.tell("a", number=number)
    places.audit.unlink()
    await log.tell("b")
    records = written(places)
    assert [each["kind"] for each in records] == ["begin", "daemon", "a", "a", "lost", "b"]
    assert records[4]["count"] == 2
    assert [each.partition(":")[0] for each in told(registry)] == [
        "nothing can be recorded",
        "records are written again",
    ]


async def test_what_must_be_recorded_is_refused_and_what_has_happened_is_held(log, places):
    places.audit.write_text("in the way")
    await log.begin(Audit(on_failure=OnFailure.REFUSE))
    with pytest.raises(WebqxError, match="cannot be recorded"):
        await log.write("command")
    await log.tell("signal")
    places.audit.unlink()
    await log.write("command")
    assert [each["kind"] for each in written(places)] == ["begin", "daemon", "signal", "command"]


async def test_a_key_that_is_gone_is_an_event_and_no_end(log, places, registry, tmp_path):
    await log.begin(Audit(key_file=str(tmp_path / "nothing")))
    assert "nothing: cannot be read" in told(registry)[0]


async def test_commands_come_in_between_the_batches_of_a_flood(log, places, monkeypatch):
    await log.begin(Audit())
    spool = places.logs / SPOOLS / "ab-000001.jsonl"
    spool.parent.mkdir()
    spool.write_text('{"kind":"access"}\n' * 50)
    for module in (audit, audit.Spools.__module__):
        monkeypatch.setattr(f"{module if isinstance(module, str) else module.__name__}.MOST", 5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.take_over)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(log.tell, "command")
    kinds = [each["kind"] for each in written(places)]
    assert kinds.count("access") == 50
    assert kinds[-1] == "access"
    assert not spool.exists()


async def test_the_end_is_an_anchor_that_a_successor_starts_from(log, places, registry, caplog):
    await log.begin(Audit())
    with caplog.at_level(logging.INFO):
        await log.end("stopped")
    last = written(places)[-1]
    assert f"audit anchor {last['seq']}:{last['hash']}" in caplog.text
    again = AuditLog(places, registry)
    await again.begin(Audit())
    assert written(places)[-1]["before"] == "stopped"
    died = AuditLog(places, registry)
    await again._close("running")
    await died.begin(Audit())
    assert written(places)[-1]["before"] == "died"
