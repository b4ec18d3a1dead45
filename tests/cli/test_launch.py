"""Starting the keeper, once; with scripts in the keeper's place."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from helpers import until

from webqx_supervisor.cli import launch
from webqx_supervisor.config import wanted
from webqx_supervisor.config.compiler import compile_file
from webqx_supervisor.config.files import locate, prepare
from webqx_supervisor.model.errors import WebqxError

ANSWERING = """\
import os, socket, sys
with open({state!r} + "/starts", "a") as starts:
    print(os.getpid(), *sys.argv[1:], file=starts)
door = socket.socket(socket.AF_UNIX)
door.bind({socket!r})
door.listen()
while True:
    caller, _ = door.accept()
    caller.recv(4096)
    caller.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}")
    caller.close()
"""


@pytest.fixture
def config(file):
    return compile_file(file)


@pytest.fixture
def keeper(places, tmp_path):
    """Yield a script that answers like a daemon; whatever it was started as ends with the test."""
    script = tmp_path / "keeper.py"
    script.write_text(ANSWERING.format(state=str(places.state_dir), socket=str(places.socket)))
    yield script
    for pid, *_ in starts(places):
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(int(pid), signal.SIGKILL)
            os.waitpid(int(pid), 0)


def starts(places):
    """Return the words of each start: pid and arguments."""
    try:
        return [line.split() for line in (places.state_dir / "starts").read_text().splitlines()]
    except FileNotFoundError:
        return []


def is_held(lock):
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_the_keeper_gets_its_state_folder_the_lock_and_the_daemons_command(places, config, keeper):
    assert launch.ensure(places, config, keeper=keeper)

    ((_, *words),) = starts(places)
    state_dir = str(places.state_dir)
    assert words[:3] == ["--state", state_dir, "--stored"]
    assert words[3].removesuffix("=lock").isdecimal()
    assert words[4:] == ["--", sys.executable, "-P", "-m", "webqx_supervisor.daemon", state_dir]
    assert is_held(places.lock)


def test_the_keeper_lives_in_a_session_of_its_own(places, config, keeper):
    launch.ensure(places, config, keeper=keeper)

    ((pid, *_),) = starts(places)
    assert os.getsid(int(pid)) == int(pid)


def test_what_is_wanted_is_written_for_the_daemon_alone_to_read(places, config, keeper):
    launch.ensure(places, config, ["api"], keeper=keeper)

    assert wanted.read(places.wanted) == wanted.Wanted(config, ("api",))
    assert places.wanted.stat().st_mode & 0o077 == 0
    assert not launch.outdated(places, config)


def test_the_place_is_remembered_for_when_the_file_is_broken(places, config, keeper, file):
    launch.ensure(places, config, keeper=keeper)
    file.write_text("[broken")

    assert locate(file) == places


def test_a_second_start_starts_nothing(places, config, keeper):
    assert launch.ensure(places, config, keeper=keeper)
    assert not launch.ensure(places, config, keeper=keeper)
    assert len(starts(places)) == 1


def test_of_many_starts_at_once_one_starts(places, config, keeper):
    outcomes = []
    threads = [
        threading.Thread(
            target=lambda: outcomes.append(launch.ensure(places, config, keeper=keeper))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False] * 7 + [True]
    assert len(starts(places)) == 1


def test_a_daemon_that_is_about_to_leave_is_waited_for(places, config, keeper):
    prepare(places)
    with places.lock.open("w") as leaving:
        fcntl.flock(leaving, fcntl.LOCK_EX)
        thread = threading.Thread(
            target=launch.ensure, args=(places, config), kwargs={"keeper": keeper}
        )
        thread.start()
        assert starts(places) == []
    thread.join()

    assert len(starts(places)) == 1


def test_a_daemon_that_dies_at_its_start_leaves_its_last_words(places, config, tmp_path):
    prepare(places)
    places.daemon_log.write_text("of an earlier life\n")
    script = tmp_path / "dies.py"
    script.write_text("raise SystemExit('out of luck')")

    with pytest.raises(WebqxError) as caught:
        launch.ensure(places, config, keeper=script)

    assert str(caught.value) == "the daemon did not come up; its last words:\nout of luck"
    assert not is_held(places.lock)


def test_the_end_is_when_the_lock_is_free(places):
    prepare(places)
    ended = threading.Event()
    with places.lock.open("w") as daemon:
        fcntl.flock(daemon, fcntl.LOCK_EX)
        thread = threading.Thread(target=lambda: (launch.until_gone(places), ended.set()))
        thread.start()
        assert not ended.is_set()
    thread.join(20)

    assert ended.is_set()


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"config": {"name": 1}}'])
def test_an_unreadable_wanted_counts_as_outdated(places, config, content):
    prepare(places)
    if content is not None:
        places.wanted.write_bytes(content)

    assert launch.outdated(places, config)


def foreground(file, keeper, **env):
    """Run launch.foreground in a process of its own; return the process."""
    program = (
        "import sys; from pathlib import Path; from webqx_supervisor.cli import launch\n"
        "from webqx_supervisor.config.compiler import compile_file\n"
        "from webqx_supervisor.config.files import locate\n"
        "file, keeper = map(Path, sys.argv[1:])\n"
        "launch.foreground(locate(file), compile_file(file), keeper=keeper)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(file), str(keeper)],
        stderr=subprocess.PIPE,
        env={**os.environ, **env},
    )


def test_in_the_foreground_this_very_process_becomes_the_keeper(places, file, keeper):
    with foreground(file, keeper) as process:
        ((pid, *_),) = until(lambda: starts(places))

        assert int(pid) == process.pid
        assert is_held(places.lock)
        process.kill()


def test_in_the_foreground_a_second_one_is_refused(places, config, keeper):
    prepare(places)
    with places.lock.open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        with pytest.raises(WebqxError, match="runs already"):
            launch.foreground(places, config, keeper=keeper)


def test_without_stored_descriptors_there_is_nothing_to_resume(places, monkeypatch):
    prepare(places)
    places.wanted.write_text("{}")
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")  # meant for another process

    launch.resume(places)


@pytest.fixture
def systemd(tmp_path):
    """Yield what listens where systemd would, and the address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(20)
        yield bound, str(tmp_path / "notify")


SHOWS = """
import json, os
from webqx_supervisor.control.fdstore import inherited
found = inherited()
print(json.dumps({"names": list(found), "lock": os.fstat(found["lock"][0]).st_ino}))
"""


def under_systemd(file, address, kept=(), verb="foreground"):
    """Run one of launch.foreground and .resume as systemd's main process; return what comes.

    `kept` are the (name, descriptor) pairs that it is given. The daemon only shows what it has.
    """
    program = (
        "import os, sys; from pathlib import Path\n"
        "kept = [word.split('=') for word in sys.argv[3:]]\n"
        "import fcntl; clear = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 20) for _, fd in kept]\n"
        "for place, fd in enumerate(clear, 3): os.dup2(fd, place)\n"
        "names = ':'.join(name for name, _ in kept)\n"
        "if kept: os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)),"
        " LISTEN_FDNAMES=names)\n"
        "from webqx_supervisor.cli import launch\n"
        "from webqx_supervisor.config.compiler import compile_file\n"
        "from webqx_supervisor.config.files import locate\n"
        "launch.daemon_command = lambda _: [sys.executable, '-c', sys.argv[2]]\n"
        "places = locate(Path(sys.argv[1]))\n"
    )
    calls = {
        "foreground": "launch.foreground(places, compile_file(places.file))",
        "resume": "launch.resume(places); print('nothing to resume')",
    }
    done = subprocess.run(
        [
            *(sys.executable, "-c", program + calls[verb], str(file), SHOWS),
            *(f"{name}={fd}" for name, fd in kept),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[fd for _, fd in kept],
        env={**os.environ, "NOTIFY_SOCKET": address},
        check=True,
    )
    return done.stdout


def stored(systemd):
    """Return the lock's descriptor that came to systemd, after the one before was removed."""
    removal = systemd.recv(4096)
    text, (fd,), _, _ = socket.recv_fds(systemd, 4096, 4)
    assert removal == b"FDSTOREREMOVE=1\nFDNAME=lock"
    assert text.startswith(b"FDSTORE=1\nFDNAME=lock\n")
    return fd


def test_systemd_keeps_the_lock_and_the_daemon_has_it_too(places, file, systemd):
    bound, address = systemd
    told = under_systemd(file, address)
    assert json.loads(told) == {"names": ["lock"], "lock": places.lock.stat().st_ino}
    kept = stored(bound)  # the daemon has ended by now
    assert is_held(places.lock)
    os.close(kept)
    assert not is_held(places.lock)


@pytest.mark.parametrize("verb", ["foreground", "resume"])
def test_the_lock_that_systemd_has_kept_is_the_next_daemons(places, file, systemd, verb):
    bound, address = systemd
    under_systemd(file, address)
    kept = stored(bound)
    reading, writing = os.pipe()
    told = under_systemd(file, address, [("log", reading), ("lock", kept)], verb)
    assert json.loads(told) == {"names": ["log", "lock"], "lock": places.lock.stat().st_ino}
    for fd in (kept, reading, writing, stored(bound)):
        os.close(fd)


def test_a_kept_lock_of_a_folder_that_is_gone_gives_way_to_a_new_one(places, file, systemd):
    bound, address = systemd
    under_systemd(file, address)
    kept = stored(bound)
    places.lock.unlink()
    told = under_systemd(file, address, [("lock", kept)])
    assert json.loads(told) == {"names": ["lock"], "lock": places.lock.stat().st_ino}
    new = stored(bound)
    os.close(kept)
    assert is_held(places.lock)
    os.close(new)


def test_while_another_has_the_lock_nothing_is_resumed(places, file, systemd):
    prepare(places)
    places.wanted.write_text("{}")
    reading, writing = os.pipe()
    with places.lock.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        told = under_systemd(file, systemd[1], [("log", reading)], "resume")
    os.close(reading)
    os.close(writing)
    assert told == "nothing to resume\n"
