"""daemon/tracing.py: an exporter runs while there is tracing, whatever becomes of it."""

import json
import sys
from contextlib import asynccontextmanager

import pytest
import trio
from helpers import auntil

from webqx_supervisor.daemon import tracing
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.tracing import Exporting
from webqx_supervisor.model.tracing import Tracing

GOES = Tracing("http://a/v1/traces")


class Stage:
    """Has a script stand for the exporter; `{log}` in it is the file to write down what it saw."""

    def __init__(self, folder, script):
        self.log = folder / "log"
        self.log.touch()
        program = folder / "exporter.py"
        program.write_text(
            "import json, sys\n"
            "asked = json.loads(sys.stdin.readline())\n"
            f"def note(what): open({str(self.log)!r}, 'a').write(f'{{what}}\\n')\n"
            f"{script}\n"
        )
        self.registry = Registry()
        self.exporting = Exporting(self.registry, "/spans.sock", (sys.executable, str(program)))

    def noted(self):
        return self.log.read_text().splitlines()

    def told(self):
        return [event.text for event in self.registry.events()]

    @asynccontextmanager
    async def running(self, wanted=GOES):
        self.exporting.follow(wanted)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.exporting.run)
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(tracing, "LAST_WORDS", 60.0)


STAYS = "note(asked['endpoint'] + ' at ' + sys.argv[1]); sys.stdin.read(); note('end')"


async def test_it_is_told_where_to_and_ends_in_order(tmp_path):
    stage = Stage(tmp_path, STAYS)
    async with stage.running():
        await auntil(stage.noted)
    assert stage.noted() == ["http://a/v1/traces at /spans.sock", "end"]
    assert stage.told() == []


async def test_another_takes_the_place_when_something_else_is_wanted(tmp_path):
    stage = Stage(tmp_path, STAYS)
    async with stage.running():
        await auntil(stage.noted)
        stage.exporting.follow(GOES)  # the same
        stage.exporting.follow(Tracing("http://b/v1/traces"))
        await auntil(lambda: len(stage.noted()) == 3)
        stage.exporting.restart()
        await auntil(lambda: len(stage.noted()) == 5)
        stage.exporting.follow(None)
        await auntil(lambda: len(stage.noted()) == 6)
    where = [each.split()[0] for each in stage.noted()]
    assert where == ["http://a/v1/traces", "end", *["http://b/v1/traces", "end"] * 2]


async def test_what_it_says_is_told_once_and_nonsense_is_not(tmp_path):
    lines = [
        "hello",
        "[1]",
        json.dumps({"failing": "it is down", "lost": 0}),
        json.dumps({"failing": "it is down", "lost": 0}),
        json.dumps({"failing": "", "lost": 7}),
    ]
    stage = Stage(tmp_path, f"print({chr(10).join(lines)!r}, flush=True); sys.stdin.read()")
    async with stage.running():
        await auntil(lambda: len(stage.told()) == 2)
    assert stage.told() == [
        "no spans go to http://a/v1/traces: it is down",
        "spans go to http://a/v1/traces; 7 are lost",
    ]


@pytest.mark.parametrize("dies", ["sys.exit(3)", "import os; os.kill(os.getpid(), 9)"])
async def test_one_that_dies_is_told_once_and_followed_by_others(tmp_path, monkeypatch, dies):
    monkeypatch.setattr(tracing, "FIRST_PAUSE", 0.01)
    stage = Stage(tmp_path, f"note('began'); {dies}")
    async with stage.running():
        await auntil(lambda: len(stage.noted()) >= 3)
    assert stage.told() == [f"the exporter ended with {3 if '3' in dies else -9}"]


async def test_one_that_cannot_be_started_is_told(tmp_path):
    registry = Registry()
    exporting = Exporting(registry, "/spans.sock", (str(tmp_path / "none"),))
    exporting.follow(GOES)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exporting.run)
        await registry.until(registry.events)
        nursery.cancel_scope.cancel()
    assert "No such file" in registry.events()[0].text


async def test_one_that_does_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(tracing, "LAST_WORDS", 0.05)
    stage = Stage(tmp_path, "import time; note('began'); time.sleep(600)")
    async with stage.running():
        await auntil(stage.noted)
    assert stage.noted() == ["began"]
