import os
import signal
from dataclasses import replace

import trio
from fakes import SLEEP, living, service
from helpers import auntil, free_port

from webqx_supervisor.core.counting import NUMBERS, RESTARTS, Kind, restarted
from webqx_supervisor.daemon import launch
from webqx_supervisor.daemon.probe import Answer
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.gateway import UpstreamState
from webqx_supervisor.model.service import Again, Health, RestartPolicy
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process.identity import Identity, alive


def identity(worker: Worker) -> Identity:
    assert worker.started is not None
    return worker.started.process.identity


def restarts(stage) -> dict[str, int]:
    """Return how often the worker was replaced, by reason."""
    numbers = stage.resources.life.entries().get((Kind.LIFE, "api", "1"), [0] * NUMBERS)
    return {each: count for each in RESTARTS if (count := numbers[restarted(each)])}


async def test_a_crash_is_healed_by_another_process(stage):
    async with living(Worker(service(), 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        first = worker.pid
        os.kill(first, signal.SIGKILL)
        await stage.until(lambda: worker.restarts == 1 and worker.state is WorkerState.RUNNING)
        assert worker.pid != first
    assert restarts(stage) == {"signal": 1}


async def test_one_that_leaves_while_it_starts_is_never_ready(stage):
    stage.prober.accepting = trio.Event()
    stubborn = service("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.01; done")
    worker = Worker(stubborn_for_a_moment(stubborn), 1, free_port(), stage.resources)
    async with living(worker):
        await auntil(lambda: worker.pid is not None)
        worker.leave()
        await stage.until(lambda: worker.state is WorkerState.STOPPING)
        stage.prober.accepting.set()
    assert worker.state is WorkerState.STOPPED
    assert "ready" not in stage.kinds
    assert "fatal" not in stage.kinds


def stubborn_for_a_moment(stubborn):
    return replace(stubborn, stop=replace(stubborn.stop, grace=0.2))


async def test_a_draining_worker_holds_its_requests_until_they_are_done(stage):
    async with living(Worker(service(), 1, free_port(), stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        assert worker.upstream.state is UpstreamState.UP
        worker.leave()
        await stage.until(lambda: worker.state is not WorkerState.RUNNING)
        assert worker.upstream is None or worker.upstream.state is UpstreamState.DRAINING


async def test_a_fault_of_ours_ends_the_process_and_leaves_the_place_to_another(stage):
    def fault() -> Answer:
        raise RuntimeError("probe")

    sick = service(port=free_port())
    sick = replace(sick, health=replace(sick.health, path="/", interval=0.01))
    async with living(Worker(sick, 1, sick.port, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        process = identity(worker)
        stage.prober.answer = fault
        await stage.until(lambda: "fatal" in stage.kinds)
        assert not alive(process)
        assert worker.failed
        stage.prober.answer = lambda: Answer(200, "well")
        worker.nudge()
        await stage.until(lambda: worker.state is WorkerState.RUNNING)


DUMPS = "trap 'echo here' USR1; echo up; while :; do sleep 0.01; done"


async def test_one_that_hangs_says_where_and_is_replaced(stage):
    hanging = replace(service("sh", "-c", DUMPS), health=Health(dump_signal="SIGUSR1"))
    async with living(Worker(hanging, 1, free_port(), stage.resources)) as worker:
        log = launch.log_file(stage.resources.logs, "api", 1)
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        await auntil(lambda: log.exists() and "up" in log.read_text())
        first = worker.started
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.hung, first, "no byte")
            await stage.until(lambda: "hung" in stage.kinds)
            assert worker.upstream is None or worker.upstream.state is UpstreamState.DRAINING
            assert worker.reason == "hung: no byte"
        await stage.until(lambda: worker.restarts == 1 and worker.state is WorkerState.RUNNING)
        assert not alive(first.process.identity)
        assert "here" in log.read_text()
        told = {event.kind: event.text for event in stage.resources.registry.events()}
        assert told["hung"] == "no byte"
        assert told["exited"].startswith(f"hung: no byte; pid {first.process.pid} killed by")
    assert restarts(stage) == {"hung": 1}


async def test_one_that_its_dump_ends_is_still_told_to_have_hung(stage, monkeypatch):
    monkeypatch.setattr("webqx_supervisor.daemon.worker.DUMP_TIME", 20.0)
    hanging = replace(service(), health=Health(dump_signal="SIGABRT"))
    async with living(Worker(hanging, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        first = worker.started
        os.kill(worker.pid, signal.SIGSTOP)
        await worker.hung(first, "no byte")
        await stage.until(lambda: worker.restarts == 1)
        told = {event.kind: event.text for event in stage.resources.registry.events()}
        assert told["exited"].startswith("hung: no byte; pid")
        assert "SIGABRT" in told["exited"]


async def test_a_missing_program_is_fatal_and_a_start_by_hand_tries_again(stage):
    worker = Worker(service("no-such-program-here"), 1, None, stage.resources)
    async with living(worker):
        await stage.until(lambda: worker.failed)
        assert "no-such-program-here" in worker.reason
        worker.service = service(*SLEEP)
        worker.nudge()
        assert not worker.settled
        await stage.until(lambda: worker.state is WorkerState.RUNNING)


async def test_a_start_by_hand_counts_also_while_the_last_exit_is_cleared_away(stage):
    slow = RestartPolicy(limit=0, retry_fatal=10_000)
    worker = Worker(service(*SLEEP, restart=slow), 1, None, stage.resources)
    async with living(worker):
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        os.kill(worker.pid, signal.SIGKILL)
        await stage.until(lambda: worker.state is WorkerState.FATAL)
        worker.nudge()
        await stage.until(lambda: worker.state is WorkerState.RUNNING)


async def test_leaving_ends_the_rest_after_a_crash(stage):
    long = RestartPolicy(first_delay=10_000, longest_delay=10_000)
    worker = Worker(service("false", restart=long), 1, None, stage.resources)
    async with living(worker):
        await stage.until(lambda: worker.restarts >= 2)
    assert worker.state is WorkerState.STOPPED


async def test_leaving_does_not_wait_for_the_gate(stage):
    worker = Worker(service(), 1, None, stage.resources)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.live, trio.sleep_forever)
        worker.leave()
        with trio.fail_after(20):
            await worker.gone.wait()
    assert stage.kinds == []


async def test_an_exit_on_trial_ends_the_worker_with_its_last_words(stage):
    worker = Worker(
        service("sh", "-c", "echo no database; exit 3"), 1, free_port(), stage.resources
    )
    stage.prober.accepting = trio.Event()
    worker.on_trial = True
    async with living(worker):
        await stage.until(worker.gone.is_set)
    assert worker.last_lines == ["no database"]
    assert "exited 3" in worker.reason


async def test_a_changed_policy_forgets_the_exits_only_if_it_is_about_restarts(stage):
    worker = Worker(service("false"), 1, None, stage.resources)
    async with living(worker):
        await stage.until(lambda: worker.failed)
        worker.retune(replace(worker.service, stop=replace(worker.service.stop, grace=1)))
        assert worker.failed


def policy(**said):
    return RestartPolicy(first_delay=0.01, longest_delay=0.01, **said)


async def test_with_on_failure_a_crash_is_healed_and_an_exit_with_success_is_the_end(
    stage, tmp_path
):
    first = tmp_path / "first"
    script = f"test -e {first} && exit 0; touch {first}; exit 3"
    once = service("sh", "-c", script, restart=policy(policy=Again.ON_FAILURE))
    async with living(Worker(once, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.settled and worker.state is WorkerState.EXITED)
        assert worker.restarts == 1
        assert not worker.failed
        assert "exited 0" in worker.reason
        assert stage.kinds[-1] == "completed"


async def test_with_never_a_crash_is_the_end_and_a_start_by_hand_begins_anew(stage):
    crash = service("sh", "-c", "exit 3", restart=policy(policy=Again.NEVER))
    async with living(Worker(crash, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.EXITED)
        assert worker.failed
        assert "exited 3" in worker.reason
        first = stage.kinds.count("exited")
        worker.nudge()
        await stage.until(lambda: stage.kinds.count("exited") == first + 1)
        await stage.until(lambda: worker.state is WorkerState.EXITED)


async def test_a_code_of_never_codes_ends_what_is_always_restarted(stage):
    wrong = service("sh", "-c", "exit 78", restart=policy(never_codes=(78,)))
    async with living(Worker(wrong, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.EXITED)
        assert worker.failed
        assert worker.restarts == 0


async def test_a_kill_is_no_success_though_the_code_would_be(stage):
    resting = service(restart=policy(policy=Again.ON_FAILURE, success_codes=(0, 9, 137)))
    async with living(Worker(resting, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        os.kill(worker.pid, signal.SIGKILL)
        await stage.until(lambda: worker.restarts == 1 and worker.state is WorkerState.RUNNING)


async def test_one_that_was_never_ready_is_tried_again_though_it_leaves_with_success(stage):
    stage.prober.accepting = trio.Event()
    polite = service("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.01; done")
    polite = replace(
        polite, health=Health(start_timeout=0.2), restart=policy(policy=Again.ON_FAILURE)
    )
    async with living(Worker(polite, 1, free_port(), stage.resources)) as worker:
        await stage.until(lambda: worker.restarts >= 1)
        assert "completed" not in stage.kinds


async def test_a_restart_waits_at_the_gate_as_the_first_start_does(stage):
    opened, asked = trio.Event(), []
    opened.set()

    async def gate():
        asked.append(worker.state)
        await opened.wait()

    worker = Worker(service(), 1, None, stage.resources)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.live, gate)
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        opened = trio.Event()
        os.kill(worker.pid, signal.SIGKILL)
        await auntil(lambda: len(asked) == 2)
        assert asked[1] is WorkerState.BACKOFF
        assert worker.pid is None
        opened.set()
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        worker.leave()
