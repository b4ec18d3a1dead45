import signal
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from webqx_supervisor.process.handle import Handle
from webqx_supervisor.process.identity import alive


@pytest.fixture(params=["pidfd", "polled"])
def hold(request):
    """Both ways to hold a process must behave alike."""
    return Handle.open if request.param == "pidfd" else Handle


async def test_the_end_is_noticed(worker, hold, autojump_clock):
    child = await worker(worker.SLEEP)
    with hold(child.identity) as handle:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(handle.wait)
            await trio.testing.wait_all_tasks_blocked()
            assert handle.send_signal(signal.SIGKILL)
        assert not alive(child.identity)


async def test_a_signal_to_an_ended_process_goes_nowhere(worker, hold):
    child = await worker(worker.SLEEP)
    with hold(child.identity) as handle:
        child.send_signal(signal.SIGKILL)
        await child.wait()
        assert not handle.send_signal(signal.SIGTERM)


async def test_an_ended_process_cannot_be_held(worker):
    child = await worker(worker.SLEEP)
    child.send_signal(signal.SIGKILL)
    await child.wait()
    assert Handle.open(child.identity) is None


async def test_the_next_owner_of_a_pid_is_neither_held_nor_signalled(worker):
    bystander = await worker(worker.SLEEP)
    predecessor = replace(bystander.identity, start_time=bystander.identity.start_time - 1)
    assert Handle.open(predecessor) is None
    assert not Handle(predecessor).send_signal(signal.SIGKILL)
    assert alive(bystander.identity)


async def test_no_descriptor_is_left_open(worker):
    child = await worker(worker.SLEEP)
    before = _descriptors()
    with Handle.open(child.identity) as handle:
        handle.close()
    assert Handle.open(replace(child.identity, start_time=0)) is None
    assert _descriptors() == before


def _descriptors():
    return sorted(fd.name for fd in Path("/dev/fd").iterdir())
