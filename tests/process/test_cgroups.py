"""Cgroups where they can be made; tests/plays/test_uml.py runs these where all controllers are."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import until

from webqx_supervisor.model.quota import Quota
from webqx_supervisor.process import cgroups, tree
from webqx_supervisor.process.identity import identify
from webqx_supervisor.process.spawn import Entry, Launch, start

GROUND = cgroups.find("tests")
GROUND.leave()
pytestmark = pytest.mark.skipif(not GROUND.folder, reason=f"no cgroup v2: {GROUND.why_not}")


def needs(*controllers):
    missing = ", ".join(set(controllers) - GROUND.controllers)
    return pytest.mark.skipif(bool(missing), reason=f"no {missing} controller of cgroup v2 here")


@pytest.fixture
def ground():
    ground = cgroups.find(f"tests-{os.getpid()}")
    yield ground
    for folder in ground.strangers([]):
        cgroups.kill(folder)
        until(lambda folder=folder: cgroups.remove(folder))
    ground.leave()
    assert not Path(ground.folder).exists()


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_member_is_counted_and_killed_with_all_others(ground, sleeper):
    folder = ground.make("one", Quota())
    cgroups.put(folder, sleeper.pid)
    assert cgroups.members(folder) == [sleeper.pid]
    assert cgroups.figures(folder).cpu_seconds >= 0
    assert not cgroups.remove(folder)
    cgroups.kill(folder)
    assert sleeper.wait(20) == -signal.SIGKILL
    assert cgroups.remove(folder)
    assert cgroups.members(folder) == []


def test_who_is_not_known_is_a_stranger(ground):
    one, other = ground.make("one", Quota()), ground.make("other", Quota())
    assert ground.strangers([one]) == [other]


def test_a_folder_that_somebody_has_removed_is_made_anew(ground):
    ground.leave()
    assert Path(ground.make("one", Quota())).is_dir()


def test_a_cgroup_is_removed_with_those_that_a_worker_has_made_in_it(ground):
    folder = ground.make("one", Quota())
    Path(folder, "inner", "most").mkdir(parents=True)
    assert cgroups.remove(folder)


@needs("memory", "cpu", "pids")
def test_the_limits_are_what_the_kernel_is_told(ground):
    quota = Quota(memory=64 << 20, cpu=1.5, pids=20, nice=5)
    folder = Path(ground.make("one", quota))

    def told(file):
        return (folder / file).read_text().strip()

    assert told("memory.max") == str(64 << 20)
    assert told("memory.oom.group") == "1"
    assert told("cpu.max") == "150000 100000"
    assert told("pids.max") == "20"
    assert told("cpu.weight.nice") == "5"


@needs("memory")
async def test_a_death_for_want_of_memory_is_counted(ground):
    folder = ground.make("one", Quota(memory=32 << 20))
    command = (sys.executable, "-c", "kept = b'x' * (100 << 20)")
    launch = Launch(command, "/", dict(os.environ), 1, 2, entry=Entry(cgroup=folder))
    child = await start(launch)
    assert (await child.wait()).is_kill
    assert cgroups.oom_kills(folder) >= 1


@needs("memory", "pids")
async def test_memory_and_processes_are_those_of_all_members(ground):
    folder = ground.make("one", Quota(memory=1 << 30))
    code = "import os, time; os.fork(); kept = b'x' * (20 << 20); time.sleep(600)"
    launch = Launch(
        (sys.executable, "-c", code), "/", dict(os.environ), 1, 2, entry=Entry(cgroup=folder)
    )
    child = await start(launch)
    until(lambda: cgroups.figures(folder).memory > 40 << 20)
    assert cgroups.figures(folder).pids == 2
    await tree.kill_leftovers(child.identity, "cookie", folder)
    await child.wait()
    assert not Path(folder).exists()  # noqa: ASYNC240 - never blocks


async def test_a_process_that_hides_from_all_else_ends_with_its_cgroup(ground, sleeper):
    folder = ground.make("one", Quota())
    cgroups.put(folder, sleeper.pid)
    gone = identify(os.getpid())
    leader = type(gone)(2**22, identify(sleeper.pid).start_time, gone.boot_id)
    assert await tree.end(leader, "cookie", signal.SIGTERM, 20, folder) == 0
    assert sleeper.wait(20) == -signal.SIGTERM
    assert await tree.kill_leftovers(leader, "cookie", folder) == 0
    assert not Path(folder).exists()  # noqa: ASYNC240 - never blocks


def test_a_limit_that_the_kernel_does_not_take_leaves_no_cgroup(ground, monkeypatch):
    monkeypatch.setattr(cgroups, "_limits", lambda *_: [("memory.nonsense", "1")])
    with pytest.raises(OSError, match=r"memory\.nonsense"):
        ground.make("one", Quota())
    assert ground.strangers([]) == []


BOX = """
import sys
from webqx_supervisor.model.quota import Quota
from webqx_supervisor.process import cgroups

first, again = cgroups.find("x"), cgroups.find("x")
print(first.folder, first == again, *sorted(first.controllers))
print(open("/proc/self/cgroup").read().split("0::")[1].strip())
print(first.make("one", Quota()))
print(cgroups.find("x", by_systemd=True) == first)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_a_container_has_is_ours_to_shape(ground):
    box = Path(ground.make("box", Quota()))
    enter = f"echo $$ > {box}/cgroup.procs; exec unshare --mount --cgroup sh -c"
    mount = "umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup"
    done = subprocess.run(
        ["sh", "-c", f'{enter} \'{mount}; exec "$0" -c "$1"\' "$@"', "", sys.executable, BOX],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    there, own, made, again = done.stdout.splitlines()
    folder = "/sys/fs/cgroup/workers-x"
    assert there.split() == [folder, "True", *sorted(ground.controllers)]
    assert (own, made, again) == ("/supervisor", f"{folder}/one", "True")
    assert (box / "workers-x" / "one").is_dir()


def test_what_somebody_else_has_is_left_alone(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("os.access", lambda *_: False)
    ground = cgroups.find("x")
    assert not ground.folder
    assert "is not this user's (systemd: Delegate=yes)" in ground.why_not
    assert ground.make("one", Quota()) == ""
    assert ground.strangers([]) == []
