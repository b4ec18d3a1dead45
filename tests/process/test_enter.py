"""What a process takes on before it becomes its command, read back from the kernel."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest

from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.quota import Account
from webqx_supervisor.process import enter
from webqx_supervisor.process.spawn import Entry, Launch, start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's")
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = Account("nobody", 65534, 65534, (65534,))
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def said(tmp_path):
    """Run a shell command by an entry; return the words that it printed."""

    async def run(command, entry, cwd="/"):
        said = tmp_path / "said"
        with said.open("wb") as file:
            launch = Launch(
                ("sh", "-c", command),
                cwd,
                {"PATH": os.environ["PATH"]},
                file.fileno(),
                file.fileno(),
                entry=entry,
            )
            child = await start(launch)
        await child.wait()
        return said.read_text().split()

    return run


async def test_limits_of_a_process(said):
    entry = Entry(rlimits=(("nofile", 99), ("core", 0)))
    assert await said("ulimit -Sn; ulimit -Hn; ulimit -Sc", entry) == ["99", "99", "0"]


async def test_a_limit_above_the_hard_one_is_refused(said):
    _, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = 2**40
    with pytest.raises(CannotStart, match=f"nofile = {more} is more than the {highest} that"):
        await said("true", Entry(rlimits=(("nofile", more),)))


async def test_nice_value_turn_at_disks_and_umask(said):
    entry = Entry(nice=7, ioprio=3 << 13, umask=0o027)
    assert await said("nice; ionice; umask", entry) == ["7", "idle", "0027"]


async def test_a_level_of_the_turn_at_disks(said):
    assert await said("ionice", Entry(ioprio=2 << 13 | 6)) == ["best-effort:", "prio", "6"]


async def test_the_cpus_that_it_may_run_on(said):
    last = max(os.sched_getaffinity(0))
    listed = "grep Cpus_allowed_list /proc/self/status"
    assert await said(listed, Entry(cpus=(last,))) == ["Cpus_allowed_list:", str(last)]


async def test_a_cpu_that_is_not_there_is_named(said):
    first = min(os.sched_getaffinity(0))
    with pytest.raises(CannotStart, match="CPU 4000 is not among those"):
        await said("true", Entry(cpus=(first, 4000)))


async def test_no_new_privileges(said):
    status = "grep NoNewPrivs /proc/self/status"
    assert await said(status, Entry(no_new_privileges=True)) == ["NoNewPrivs:", "1"]


async def test_a_cgroup_that_is_not_there_is_named(said):
    with pytest.raises(CannotStart, match=r"cannot join the cgroup /nowhere \(No such"):
        await said("true", Entry(cgroup="/nowhere"))


@root
async def test_another_user_for_good(said):
    groups = Account("nobody", 65534, 65534, (65534, 4))
    words = await said("id -u; id -g; id -G; grep CapEff /proc/self/status", Entry(account=groups))
    assert words == ["65534", "65534", "65534", "4", "CapEff:", "0" * 16]


@root
async def test_another_user_may_open_its_output_anew(said):
    assert await said("echo well > /dev/stdout", Entry(account=NOBODY)) == ["well"]


@root
async def test_a_folder_that_the_other_user_may_not_enter_is_named(said, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(CannotStart, match=f"the folder {closed} may not be entered by nobody"):
        await said("true", Entry(account=NOBODY), cwd=str(closed))


@root
async def test_the_limits_are_taken_on_with_the_rights_of_before(said):
    entry = Entry(nice=-2, account=NOBODY, no_new_privileges=True)
    assert await said("nice; id -u", entry) == ["-2", "65534"]


@root
async def test_a_program_that_the_other_user_may_not_run_is_named(tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh")
    program.chmod(0o700)
    launch = Launch((str(program),), "/", {}, 1, 2, entry=Entry(account=NOBODY))
    with pytest.raises(CannotStart, match=f"^{program} may not be run by nobody: permission"):
        await start(launch)


@root
async def test_a_private_tmp(said, tmp_path):
    for name in ("tmp", "var-tmp"):
        (tmp_path / name).mkdir(mode=0o777)
    mine = tmp_path / "tmp" / "mine"
    words = await said("ls /tmp /var/tmp; echo here > /tmp/mine", Entry(tmp=str(tmp_path)))
    assert words == ["/tmp:", "/var/tmp:"]
    assert mine.read_text() == "here\n"
    assert "mine" not in await said("ls /tmp", Entry(umask=0))


REFUSALS = """
import os, sys, trio
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.quota import Account
from webqx_supervisor.process.spawn import Entry, Launch, start

async def main():
    for entry in (
        Entry(nice=-3),
        Entry(ioprio=1 << 13),
        Entry(account=Account("www-data", 33, 33, (33,))),
        Entry(tmp="/nowhere"),
    ):
        try:
            await start(Launch(("true",), "/", dict(os.environ), 1, 2, entry=entry))
        except CannotStart as error:
            print(error)

trio.run(main)
"""


@root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv")
def test_what_the_rights_do_not_allow_is_said():
    lost = "-setuid,-setgid,-chown,-sys_nice,-sys_resource,-sys_admin"
    done = subprocess.run(
        ["setpriv", f"--bounding-set={lost}", sys.executable, "-c", REFUSALS],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    nice, io, user, tmp = done.stdout.splitlines()
    assert nice == "nice = -3: only root may go below 0 (Permission denied)"
    assert io == "io: only root may ask for that (Operation not permitted)"
    assert user == "the daemon runs as root and cannot become www-data"
    assert tmp.startswith("private_tmp: no mount namespace for this user; it takes root")


@root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv")
@pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="no python3 for everybody")
def test_a_private_tmp_of_somebody_who_is_not_root():
    folder = Path(tempfile.mkdtemp(dir="/var/lib"))
    try:
        for each in (folder, folder / "tmp", folder / "var-tmp"):
            each.mkdir(exist_ok=True)
            os.chown(each, NOBODY.uid, NOBODY.gid)
        settings = asdict(Entry(tmp=str(folder))) | {"report": 2, "locale": None}
        done = subprocess.run(
            [
                *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
                *("/usr/bin/python3", "-I", "-S", "-", json.dumps(settings)),
                *("sh", "-c", "ls /tmp; id -u; touch /tmp/mine; grep CapEff /proc/self/status"),
            ],
            input=Path(enter.__file__).read_text(),
            capture_output=True,
            text=True,
            check=False,
        )
        if "no mount namespace" in done.stderr:
            pytest.skip(done.stderr)
        assert done.stdout.split() == ["65534", "CapEff:", "0" * 16]
        assert (folder / "tmp" / "mine").exists()
    finally:
        shutil.rmtree(folder)
