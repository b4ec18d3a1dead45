"""What a process is given before its birth, and what is taken away after it."""

from dataclasses import replace

import pytest
from fakes import living, service

from webqx_supervisor.daemon.means import clear, discard, provide
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.quota import Privileges, Quota
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process.cgroups import Ground
from webqx_supervisor.process.spawn import Entry

NOWHERE = Ground()
REFUSING = Ground("/proc/no-such-place", frozenset(("memory",)))
"""The kernel lets nobody make a folder there."""


async def given(private, ground=NOWHERE, quota=Quota(), privileges=Privileges(), **changes):  # noqa: B008 - frozen
    wanted = replace(service(), quota=quota, privileges=privileges, **changes)
    return await provide(wanted, 1, "c00c1e", ground, private)


async def test_who_asks_for_nothing_is_started_without_an_entry(tmp_path):
    means = await given(tmp_path)
    assert (means.entry, means.cgroup, means.tmp, dict(means.env)) == (Entry(), "", "", {})


async def test_an_entry_holds_what_was_asked_for(tmp_path):
    quota = Quota(nice=3, io="best-effort:6", cpus=(1,), umask=0o77, nofile=99, core=0)
    means = await given(tmp_path, quota=quota, privileges=Privileges(no_new_privileges=True))
    assert means.entry == Entry(
        rlimits=(("nofile", 99), ("core", 0)),
        nice=3,
        ioprio=2 << 13 | 6,
        cpus=(1,),
        umask=0o77,
        no_new_privileges=True,
    )


@pytest.mark.parametrize(("io", "expected"), [("idle", 3 << 13), ("realtime:0", 1 << 13)])
async def test_the_turn_at_disks_is_a_class_and_a_level(tmp_path, io, expected):
    assert (await given(tmp_path, quota=Quota(io=io))).entry.ioprio == expected


async def test_a_user_is_looked_up_and_told_who_it_is(tmp_path):
    means = await given(tmp_path, privileges=Privileges(user="root"))
    assert (means.entry.account.uid, means.entry.account.name) == (0, "root")
    assert means.env["USER"] == means.env["LOGNAME"] == "root"
    assert means.env["HOME"].startswith("/")


async def test_the_file_has_the_last_word_on_the_environment(tmp_path):
    means = await given(
        tmp_path, privileges=Privileges(user="root"), env=(("HOME", "/srv"), ("USER", ""))
    )
    assert dict(means.env) == {"LOGNAME": "root"}


async def test_a_user_that_is_gone_by_now_is_named(tmp_path):
    with pytest.raises(CannotStart, match="there is no user nobdy on this machine"):
        await given(tmp_path, privileges=Privileges(user="nobdy"))


async def test_a_private_tmp_is_made_and_discarded(tmp_path):
    private = tmp_path / "private"
    means = await given(private, privileges=Privileges(private_tmp=True))
    assert means.entry.tmp == means.tmp == str(private / "c00c1e")
    folders = (private / "c00c1e").iterdir()
    modes = {each.name: each.stat().st_mode & 0o7777 for each in folders}
    assert modes == {"tmp": 0o1777, "var-tmp": 0o1777}
    assert private.stat().st_mode & 0o777 == 0o700
    await discard(private, "c00c1e")
    assert list(private.iterdir()) == []
    await discard(private, "c00c1e")


async def test_a_private_tmp_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").touch()
    file = tmp_path / "file"
    with pytest.raises(CannotStart, match=f"no private /tmp in {file}/c00c1e: File exists"):
        await given(file, privileges=Privileges(private_tmp=True))


async def test_limits_without_the_cgroup_that_should_hold_them_are_no_start(tmp_path):
    privileges = Privileges(private_tmp=True)
    with pytest.raises(CannotStart, match="no cgroup for it, /proc/no-such-place"):
        await given(tmp_path, REFUSING, Quota(memory=1 << 30), privileges)
    assert list(tmp_path.iterdir()) == []


async def test_who_has_no_limits_needs_no_cgroup(tmp_path):
    assert (await given(tmp_path, REFUSING)).cgroup == ""


async def test_what_nobody_knows_of_is_cleared(tmp_path):
    for name in ("kept", "stray"):
        (tmp_path / name / "tmp").mkdir(parents=True)
    await clear(NOWHERE, tmp_path, (), ("kept",))
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]
    await clear(NOWHERE, tmp_path / "nowhere", (), ())


async def test_a_worker_that_cannot_be_what_it_should_is_fatal_and_leaves_nothing(stage, tmp_path):
    stage.resources = replace(stage.resources, private=tmp_path / "private")
    privileges, quota = Privileges(private_tmp=True), Quota(nofile=2**40)
    wanted = replace(service(), privileges=privileges, quota=quota)
    async with living(Worker(wanted, 1, None, stage.resources)) as worker:
        await stage.until(lambda: worker.state is WorkerState.FATAL)
        assert worker.reason.startswith(f"nofile = {2**40} is more than the ")
        assert list((tmp_path / "private").iterdir()) == []
