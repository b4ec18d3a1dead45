from dataclasses import replace

import pytest
import trio
from fakes import SLEEP, living, service, supervised

from webqx_supervisor.daemon import hooks, launch
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.errors import NotReady
from webqx_supervisor.model.service import Hooks
from webqx_supervisor.model.status import WorkerState


def shell(script):
    return ("sh", "-c", script)


def hooked(**commands):
    return replace(service(*SLEEP), env=(("NOTE", "mine"),), hooks=Hooks(**commands))


async def test_hooks_run_at_their_turns_with_the_environment_of_the_worker(stage, tmp_path):
    notes = tmp_path / "notes"
    note = (
        f"echo $WEBQX_SV_HOOK $WEBQX_SV_SERVICE:$WEBQX_SV_INSTANCE $NOTE $WEBQX_SV_PID >> {notes}"
    )
    wanted = hooked(
        before_start=shell(note),
        after_ready=shell(note),
        before_stop=shell(f"{note}; kill -0 $WEBQX_SV_PID"),
    )
    async with living(Worker(wanted, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.RUNNING)
        pid = worker.pid
        with trio.fail_after(20):
            while "after_ready" not in notes.read_text():  # noqa: ASYNC110 - a file of another process
                await trio.sleep(0.01)
    assert notes.read_text().splitlines() == [
        "before_start api:1 mine",
        f"after_ready api:1 mine {pid}",
        f"before_stop api:1 mine {pid}",
    ]
    assert "failed" not in stage.kinds


async def test_a_start_fails_with_the_hook_before_it_and_tells_its_last_words(stage):
    wanted = hooked(before_start=shell("echo no disk; exit 4"))
    async with living(Worker(wanted, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.failed)
        assert worker.reason == "before_start exited 4: no disk"
        assert worker.last_lines == ["no disk"]
        assert worker.pid is None
        assert "no disk" in launch.log_file(stage.resources.logs, "api", 1).read_text()


async def test_a_newcomer_whose_hook_fails_leaves_the_old_worker(stage):
    async with supervised(service(), stage) as api:
        await api.start()
        await api.settle()
        pid = api.workers[1].pid
        with pytest.raises(NotReady, match="before_start exited 1"):
            await api.reload(hooked(before_start=("false",)))
        assert api.workers[1].pid == pid


async def test_a_hook_that_takes_too_long_is_killed_with_all_it_started(stage, tmp_path):
    wanted = hooked(before_start=shell("sleep 1000 & sleep 1000"), timeout=0.2)
    place = Worker(wanted, 1, None, stage.resources)
    with trio.fail_after(20), pytest.raises(hooks.HookFailed, match=r"not done within 0\.2 s"):
        await hooks.run("before_start", place, stage.resources)


async def test_a_hook_that_fails_later_is_told_and_changes_nothing(stage):
    wanted = hooked(after_ready=("false",), before_stop=("no-such-program",))
    async with living(Worker(wanted, 1, None, stage.resources)) as worker:
        await stage.until(lambda: "failed" in stage.kinds)
        assert worker.state is WorkerState.RUNNING
    assert worker.state is WorkerState.STOPPED
    texts = [e.text for e in stage.resources.registry.events() if e.kind == "failed"]
    assert texts[0] == "after_ready exited 1"
    assert texts[1].startswith("before_stop: ")


async def test_one_that_leaves_while_its_hook_runs_does_not_wait_for_it(stage):
    wanted = hooked(before_start=("sleep", "1000"))
    async with living(Worker(wanted, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.STARTING)
    assert worker.state is WorkerState.STOPPED
    assert worker.pid is None
