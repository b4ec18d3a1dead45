import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest
import trio
import trio.testing
from helpers import auntil

from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.process import enter
from webqx_supervisor.process.identity import Identity, alive, identify
from webqx_supervisor.process.spawn import Entry, Launch, adopt, start

# Prints the pid of a grandchild that only its own parent, not the test, may wait for.
FOREIGN = """
import subprocess, sys
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
sys.exit(child.wait())
"""


@pytest.fixture
def foreign():
    """A process that is not our child, as workers are to a daemon that has come back."""
    command = [sys.executable, "-c", FOREIGN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        identity = identify(int(parent.stdout.readline()))
        yield identity
        if alive(identity):
            os.kill(identity.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("", Exit(code=0)),
        ("raise SystemExit(7)", Exit(code=7)),
        ("import os; os.kill(os.getpid(), 9)", Exit(signal=9)),
    ],
)
async def test_the_exit_tells_code_and_signal_apart(worker, program, expected):
    child = await worker(program)
    assert await child.wait() == expected


async def test_any_number_of_tasks_may_wait(worker):
    child = await worker(worker.SLEEP)
    exits = []

    async def wait():
        exits.append(await child.wait())

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        child.send_signal(signal.SIGTERM)
    assert exits == [Exit(signal=signal.SIGTERM)] * 3


async def test_a_cancelled_waiter_leaves_the_others_waiting(worker):
    child = await worker(worker.SLEEP)
    with trio.move_on_after(0):
        await child.wait()
    child.send_signal(signal.SIGKILL)
    assert await child.wait() == Exit(signal=signal.SIGKILL)


async def test_a_signal_after_the_end_does_nothing(worker):
    child = await worker("")
    await child.wait()
    child.send_signal(signal.SIGTERM)


async def test_a_child_leads_a_session_of_its_own_and_reads_nothing(worker, tmp_path):
    said = tmp_path / "said"
    with said.open("wb") as file:
        child = await worker(
            "import os, sys; print(os.getpid() == os.getsid(0), sys.stdin.read() == '')",
            stdout=file.fileno(),
        )
    await child.wait()
    assert said.read_text() == "True True\n"


LIST_DESCRIPTORS = """
import os
print(*(fd for fd in range(1000) if os.path.exists(f"/dev/fd/{fd}")))
"""


async def test_a_child_inherits_only_the_descriptors_it_is_meant_to(tmp_path):
    said = tmp_path / "said"
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_inheritable(end, True)
    with said.open("wb") as file:
        command = (sys.executable, "-c", LIST_DESCRIPTORS)
        launch = Launch(command, "/", {}, file.fileno(), file.fileno(), keep=(writing,))
        child = await start(launch)
    await child.wait()
    os.close(reading)
    os.close(writing)
    assert said.read_text().split() == ["0", "1", "2", str(writing)]


async def test_the_environment_and_the_folder_are_those_of_the_launch(tmp_path):
    said = tmp_path / "said"
    with said.open("wb") as file:
        env = {"PATH": "/bin", "PORT": "3001"}
        launch = Launch(("sh", "-c", "pwd; env"), str(tmp_path), env, file.fileno(), file.fileno())
        child = await start(launch)
    await child.wait()
    lines = said.read_text().splitlines()
    assert lines[0] == str(tmp_path)
    assert {"PATH=/bin", "PORT=3001"} <= set(lines)
    assert not any(line.startswith("HOME=") for line in lines)


async def test_a_missing_program_is_explained(tmp_path):
    launch = Launch(("nodee",), str(tmp_path), {"PATH": "/bin"}, 1, 2)
    with pytest.raises(CannotStart, match=r"^no program nodee in PATH \(/bin\)$"):
        await start(launch)


async def test_a_null_byte_is_explained(tmp_path):
    launch = Launch(("sh", "a\0b"), str(tmp_path), {"PATH": "/bin"}, 1, 2)
    with pytest.raises(CannotStart, match=r"^sh cannot be run: embedded null byte$"):
        await start(launch)


async def entered(command, tmp_path, entry, env=None):
    """Start `command` by an entry, wait for its end and return what it wrote."""
    said = tmp_path / "said"
    with said.open("wb") as file:
        env = {"PATH": "/bin"} if env is None else env
        child = await start(
            Launch(command, str(tmp_path), env, file.fileno(), file.fileno(), entry=entry)
        )
    await child.wait()
    return os.fsdecode(said.read_bytes())


async def test_an_entry_gives_descriptors_the_numbers_that_are_wanted(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("one")
    other.write_text("other")
    with one.open("rb") as first, other.open("rb") as second:
        numbers = first.fileno(), second.fileno()
        # Each is wanted under the number that the other one has here.
        entry = Entry(descriptors=((numbers[0], numbers[1]), (numbers[1], numbers[0])))
        read = f"import os; print(os.read({numbers[0]}, 9), os.read({numbers[1]}, 9))"
        program = read + LIST_DESCRIPTORS
        said = await entered((sys.executable, "-c", program), tmp_path, entry)
    assert said.splitlines()[0] == "b'other' b'one'"
    assert said.splitlines()[1].split() == [
        *("0", "1", "2"),
        *map(str, sorted(numbers)),
    ]


async def test_an_entry_leaves_the_pid_and_tells_it(tmp_path):
    said = await entered(
        ("sh", "-c", "echo $$ $LISTEN_PID $WATCHDOG_PID"),
        tmp_path,
        Entry(pid_variable="LISTEN_PID WATCHDOG_PID"),
    )
    pid, *told = said.split()
    assert told == [pid, pid]


@pytest.mark.parametrize("extra", [{}, {"LC_CTYPE": "C"}, {"PYTHONPATH": "/x", "A": "\udcff"}])
async def test_an_entry_leaves_environment_and_signals_as_they_are(tmp_path, extra):
    env = {"PATH": os.environ["PATH"], **extra}
    command = ("sh", "-c", "env -0; cat /proc/self/status")

    async def seen(entry):
        said = await entered(command, tmp_path, entry, env)
        variables, _, status = said.rpartition("\0")
        # Not SigQ: it counts the signals that wait for anybody of this user.
        signals = re.findall("^Sig(?:Pnd|Blk|Ign|Cgt):.*", status, re.MULTILINE)
        return sorted(variables.split("\0")), signals

    plain, (names, signals) = await seen(Entry()), await seen(Entry(pid_variable="MINE"))
    assert (sorted(name for name in names if not name.startswith("MINE=")), signals) == plain


async def test_an_entry_explains_a_missing_program_as_ever(tmp_path):
    with pytest.raises(CannotStart, match=r"^no program nodee in PATH \(/bin\)$"):
        await entered(("nodee",), tmp_path, Entry(pid_variable="MINE"))


async def test_nothing_is_left_of_a_start_by_entry_that_is_cancelled(tmp_path, monkeypatch):
    stuck = tmp_path / "stuck.py"
    stuck.write_text("import signal; signal.pause()")
    monkeypatch.setattr(enter, "__file__", str(stuck))
    before = children()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(entered, ("sleep", "60"), tmp_path, Entry(pid_variable="MINE"))
        await auntil(lambda: children() != before)
        nursery.cancel_scope.cancel()
    assert children() == before


def children():
    return {child.pid for child in psutil.Process().children()}


async def test_the_exit_of_an_adopted_process_is_what_its_parent_says(foreign):
    asked = []

    async def status(pid):
        asked.append(pid)
        return Exit(signal=9)

    process = adopt(foreign, status)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == Exit(signal=9)
    assert await process.wait() == Exit(signal=9)
    assert asked == [foreign.pid]


async def test_the_exit_of_an_adopted_process_is_unknown_without_its_parent(foreign):
    process = adopt(foreign)
    exits = []

    async def wait():
        exits.append(await process.wait())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        process.send_signal(signal.SIGTERM)
    assert exits == [Exit(), Exit()]
    assert (process.pid, process.identity) == (foreign.pid, foreign)


async def test_the_next_waiter_asks_again_when_the_first_was_cancelled(foreign):
    answers = iter([trio.sleep_forever, trio.lowlevel.checkpoint])

    async def status(_pid):
        await next(answers)()
        return Exit(code=0)

    process = adopt(foreign, status)
    process.send_signal(signal.SIGKILL)
    await auntil(lambda: not alive(foreign))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(process.wait)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert await process.wait() == Exit(code=0)


async def test_a_process_that_has_ended_is_not_adopted(worker):
    child = await worker("")
    await child.wait()
    assert adopt(child.identity) is None


def test_the_next_owner_of_a_pid_is_not_adopted():
    me = identify(os.getpid())
    assert adopt(replace(me, start_time=me.start_time - 1)) is None
    assert adopt(Identity(me.pid, me.start_time, "an earlier boot")) is None
