import pytest
import trio
from fakes import service, supervised
from helpers import free_ports

from webqx_supervisor.core.counting import Kind, restarted
from webqx_supervisor.model.errors import NotReady
from webqx_supervisor.model.status import WorkerState


async def test_a_reload_replaces_every_worker_and_keeps_the_numbers(stage):
    async with supervised(service(port=free_ports(), instances=2), stage) as api:
        await api.start()
        assert await api.settle() == []
        before = {worker.pid for worker in api.workers.values()}
        await api.reload()
        assert sorted(api.workers) == [1, 2]
        assert before.isdisjoint(worker.pid for worker in api.workers.values())
        assert api.passing == []
        await api.restart()
        await api.settle()
    for instance in ("1", "2"):
        numbers = stage.resources.life.entries()[Kind.LIFE, "api", instance]
        assert numbers[restarted("reload")] == numbers[restarted("restart")] == 1


async def test_a_reload_that_fails_leaves_the_old_worker_alone(stage):
    async with supervised(service(), stage) as api:
        await api.start()
        await api.settle()
        pid = api.workers[1].pid
        with pytest.raises(NotReady, match="no-such-program"):
            await api.reload(service("no-such-program"))
        assert (api.workers[1].pid, api.passing) == (pid, [])


async def test_a_reload_that_is_cancelled_leaves_no_newcomer(stage):
    async with supervised(service(port=free_ports()), stage) as api:
        await api.start()
        await api.settle()
        old, stage.prober.accepting = api.workers[1], trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(api.reload)
            await stage.until(lambda: bool(api.passing))
            nursery.cancel_scope.cancel()
        await stage.until(lambda: not api.passing)
        assert api.workers[1] is old
        assert old.state is WorkerState.RUNNING


async def test_without_a_free_port_the_worker_is_fatal_and_says_so(stage):
    async with supervised(service(port=65535), stage, reserved=(65535,)) as api:
        await api.start()
        (failed,) = await api.settle()
        assert "no free port" in failed.reason


async def test_a_stop_that_is_cancelled_leaves_room_for_the_next_start(stage):
    async with supervised(service(), stage) as api:
        await api.start()
        await api.settle()
        with trio.CancelScope() as scope:
            scope.cancel()
            api.workers[1].leave()
            await api.stop()
        await stage.until(lambda: not api.workers)
        await api.start()
        assert await api.settle() == []
