"""Before the daemon gives way to other code, that code is tried."""

import os

import pytest

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon import renewal
from webqx_supervisor.daemon.renewal import Renewal
from webqx_supervisor.model.errors import NotReady


@pytest.fixture
def make(tmp_path, output, monkeypatch):
    def make(keeper_pid: int | None) -> Renewal:
        if keeper_pid is None:
            monkeypatch.delenv("WEBQX_SV_KEEPER_PID", raising=False)
        else:
            monkeypatch.setenv("WEBQX_SV_KEEPER_PID", str(keeper_pid))
        return Renewal(tmp_path, FdStore(""), output, lambda: None)

    return make


async def test_code_that_can_be_loaded_is_good_enough(make):
    await make(None).check()


async def test_code_that_cannot_is_refused_with_what_it_says(make, monkeypatch):
    monkeypatch.setattr(renewal, "_PARTS", "import no_such_module_here")
    with pytest.raises(NotReady) as refused:
        await make(None).check()
    assert "no_such_module_here" in refused.value.lines[-1]


def test_under_systemd_it_is_kept_by_nobody_it_knows(make):
    renewal = make(None)
    assert (renewal.is_kept, renewal.keeper_pid) == (True, None)


def test_a_living_keeper_is_its_parent(make):
    renewal = make(os.getppid())
    assert (renewal.is_kept, renewal.keeper_pid) == (True, os.getppid())


def test_a_dead_keeper_is_not(make):
    renewal = make(1 << 22)
    assert (renewal.is_kept, renewal.keeper_pid) == (False, None)
