import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from types import SimpleNamespace

import pytest
import trio
from fakes import Scene, service

from webqx_supervisor.core.counting import PROBES, Kind, probed
from webqx_supervisor.daemon.launch import Started
from webqx_supervisor.daemon.monitor import Monitor
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.model.service import Health, Service

WELL = Answer(200, "answered 200")
ILL = Answer(503, "answered 503")
REFUSED = Answer(None, "refused")
SILENT = Answer(None, "no answer", silent=True)
HEALTH = Health(path="/", interval=1, fall=2, rise=1, start_timeout=5, patience=10)


@dataclass
class Patient:
    """Writes down what the monitor makes of it."""

    service: Service = field(default_factory=lambda: replace(service(port=1), health=HEALTH))
    instance: int = 1
    port: int | None = 1
    story: list[str] = field(default_factory=list)
    retuned: trio.Event = field(default_factory=trio.Event)
    healthy: bool = True

    @property
    def pid(self):
        return os.getpid()

    def awaits(self, what):
        self.awaited = what

    def ready(self, uptime):
        self.story.append(f"ready after {uptime:g}")

    def judged(self, *, healthy, reason):
        self.healthy = healthy
        self.story.append(f"{'well' if healthy else 'ill'}: {reason}")

    async def end(self, started, verdict=""):
        assert started.process.pid == os.getpid()
        self.story.append(f"ended: {verdict}")

    async def hung(self, started, reason):
        assert started.process.pid == os.getpid()
        self.story.append(f"hung: {reason}")


@pytest.fixture
def patient() -> Patient:
    return Patient()


async def watch(patient: Patient, stage: Scene, *answers: Answer, ready: bool = True) -> list[str]:
    """Let these be the answers to the probes, one a second; return the story until they end."""
    left = list(answers)
    stage.prober.answer = lambda: left.pop(0)
    process = SimpleNamespace(pid=os.getpid())
    monitor = Monitor(patient, Started(process, "", trio.current_time(), 0.0), stage.resources)
    with trio.move_on_after(len(answers) + 0.5):
        await monitor.attend(ready)
    return patient.story


async def test_a_worker_is_ready_when_it_answers(autojump_clock, patient, stage):
    stage.prober.accepting = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(watch, patient, stage, WELL, WELL, ready=False))
        await trio.sleep(2)
        assert patient.story == []
        stage.prober.accepting.set()
    assert patient.story == ["ready after 2"]


async def test_one_that_is_not_ready_in_time_is_ended(autojump_clock, patient, stage):
    stage.prober.accepting = trio.Event()
    process = SimpleNamespace(pid=os.getpid())
    started = Started(process, "", trio.current_time(), 0.0)
    await Monitor(patient, started, stage.resources).attend(ready=False)
    assert patient.story == ["ended: not ready within 5 s: waited for a good answer to /"]


async def test_one_that_says_it_is_ill_leaves_the_rotation_and_lives(
    autojump_clock, patient, stage
):
    story = await watch(patient, stage, ILL, ILL, *[ILL] * 10, WELL)
    assert story == ["ill: answered 503", "well: answered 200"]


async def test_a_single_bad_answer_changes_nothing(autojump_clock, patient, stage):
    assert await watch(patient, stage, ILL, WELL, ILL, WELL) == []


@pytest.mark.parametrize("answer", [SILENT, REFUSED])
async def test_one_that_gives_no_answer_leaves_the_rotation_and_is_then_ended(
    autojump_clock, patient, stage, answer
):
    story = await watch(patient, stage, *[answer] * 9)
    assert story == [f"ill: {answer.text}", f"hung: {answer.text}, 4 times in a row"]


async def test_one_that_answers_others_is_spared_for_ever(autojump_clock, patient, stage):
    answered = iter(range(1, 1000))

    async def traffic(_):
        await trio.lowlevel.checkpoint()
        return 1, next(answered)

    stage.resources = replace(stage.resources, traffic=traffic)
    assert await watch(patient, stage, *[SILENT] * 100) == []


async def test_one_that_burns_cpu_with_requests_in_flight_is_spared_for_its_patience(
    autojump_clock, patient, stage
):
    async def traffic(_):
        await trio.lowlevel.checkpoint()
        until = time.process_time() + 0.03  # more than a tick of the kernel's accounting
        while time.process_time() < until:
            pass
        return 1, 0

    stage.resources = replace(stage.resources, traffic=traffic)
    assert await watch(patient, stage, *[SILENT] * 9) == []
    story = await watch(patient, stage, *[SILENT] * 15)
    assert [line.split(":")[0] for line in story] == ["ill", "hung"]


async def test_without_a_path_nothing_is_probed(autojump_clock, patient, stage):
    patient.service = replace(patient.service, health=Health())
    with trio.fail_after(1):
        assert await watch(patient, stage, ready=False) == ["ready after 0"]


async def test_every_probe_is_counted_by_what_came_of_it(autojump_clock, patient, stage):
    await watch(patient, stage, WELL, WELL, ILL, WELL, REFUSED, WELL, SILENT)
    numbers = stage.resources.life.entries()[Kind.LIFE, "api", "1"]
    found = {outcome: numbers[probed(outcome)] for outcome in PROBES}
    assert found == {"ok": 4, "bad": 2, "silent": 1, "spared": 0}
