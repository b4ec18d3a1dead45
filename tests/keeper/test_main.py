"""The keeper as it is started: a file run by a bare interpreter, with a fake daemon below it."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import until

import webqx_supervisor.keeper.main as keeper_main

KEEPER = keeper_main.__file__
FAKE = Path(__file__).parent / "fake_daemon.py"


class Play:
    """A keeper over a fake daemon whose lives follow written orders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keeper: subprocess.Popen[bytes]
        self.lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def start(self, *lives: str, argv: tuple[str, ...] = (), after: int = -1) -> None:
        """Start the keeper; life N of the daemon does what the Nth text says."""
        for number, orders in enumerate(lives, 1):
            (self.folder / f"orders-{number}").write_text(orders)
        waits = ("--after", str(after)) if after >= 0 else ()
        daemon = argv or (sys.executable, "-I", str(FAKE), str(self.folder))
        with (self.folder / "log").open("ab") as log:
            self.keeper = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", KEEPER),
                    *("--state", str(self.folder), "--stored", f"{self.lock}=lock"),
                    *(*waits, "--", *daemon),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self.lock, *([after] if waits else ())),
            )
        os.close(self.lock)
        self.lock = -1

    def seen(self, word: str) -> list[str]:
        """Return what follows `word` in the lines that the daemon's lives have written."""
        try:
            lines = (self.folder / "seen").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [rest for line in lines for first, _, rest in [line.partition(" ")] if first == word]

    def lives(self, count: int) -> list[int]:
        """Wait until the daemon has lived `count` times; return the pids."""
        until(lambda: len(self.seen("life")) >= count)
        return [int(pid) for pid in self.seen("life")]

    def end(self) -> int:
        """Wait for the keeper; return its exit code."""
        return self.keeper.wait(30)

    def insist(self, number: int, condition: Callable[[], object]) -> None:
        """Send a signal again and again until `condition` is true."""

        def sent() -> object:
            self.keeper.send_signal(number)
            return condition()

        until(sent)

    def go(self) -> None:
        """Let a daemon go on that has seen a signal."""
        (self.folder / "go").touch()

    def lock_is_free(self) -> bool:
        lock = os.open(self.folder / "lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def close(self) -> None:
        """Leave nothing behind, whatever went wrong."""
        if self.lock >= 0:
            os.close(self.lock)
        if hasattr(self, "keeper"):
            self.keeper.kill()
            self.keeper.wait()
        for pid in self.seen("life")[-1:]:
            try:
                is_ours = str(FAKE).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if is_ours:
                os.kill(int(pid), signal.SIGKILL)


def in_a_keeper(code: str) -> str:
    """Run `code` with a `keeper` in a process like its own; return what it prints."""
    start = (
        f"import sys; sys.path.insert(0, {str(Path(KEEPER).parent)!r})\n"
        "import main as keeper_main, os\n"
        "keeper = keeper_main.Keeper('/tmp', [('lock', os.dup(0))], [])\n"
    )
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", start + code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def play(tmp_path):
    play = Play(tmp_path)
    yield play
    play.close()


def test_a_daemon_that_ends_well_ends_the_keeper(play):
    play.start("exit 0")
    assert play.end() == 0
    assert len(play.lives(1)) == 1


def test_the_daemon_gets_the_lock_and_the_reports_of_orphans_and_nothing_else(play):
    play.start("names\nstrays\nexit 0")
    assert play.end() == 0
    assert play.seen("names") == ["orphans:lock"]
    assert play.seen("strays") == ["[]"]


def test_a_killed_daemon_comes_back_and_finds_what_it_stored(play):
    play.start(
        "store pipe treasure\nstore other x\nsay READY=1\nkill",
        "names\nread pipe\nexit 0",
    )
    assert play.end() == 0
    assert play.seen("names") == ["orphans:lock:pipe:other"]
    assert play.seen("read") == ["treasure"]
    first, second = play.lives(2)
    assert f"daemon {first} was killed by signal 9; starting it again in 0 s" in play.log()
    assert first != second


def test_a_daemon_that_asks_for_it_renews_its_keeper_too_and_nothing_is_lost(play):
    play.start(
        "store log=1=out treasure\nsay READY=1\nexit 75", "names\nstrays\nread log=1=out\nkill"
    )
    pid = play.keeper.pid
    first, second, *_ = play.lives(3)
    assert play.keeper.pid == pid
    assert play.keeper.poll() is None
    assert first != second
    assert play.seen("names")[0] == "orphans:lock:log=1=out"
    assert play.seen("strays")[0] == "[]"
    assert play.seen("read")[0] == "treasure"
    assert not play.lock_is_free()


@pytest.mark.skipif(sys.platform != "linux", reason="orphans come to the keeper on Linux only")
def test_a_renewed_keeper_still_gets_the_orphans_and_reports_those_before(play):
    play.start("orphan 7\norphan 5 gone\nexit 75", "reports 2\norphan 6\nreports 1\nexit 0")
    assert play.end() == 0
    codes = [int(line.split()[1]) >> 8 for line in play.seen("report")]
    assert sorted(codes) == [5, 6, 7]


def test_a_keeper_that_follows_a_dead_one_waits_for_its_daemon_to_be_gone(play):
    reading, writing = os.pipe()
    play.start("names\nexit 0", after=reading)
    os.close(reading)
    assert not play.seen("life")
    os.close(writing)
    assert play.end() == 0
    assert play.seen("names") == ["orphans:lock"]


def test_a_stop_that_was_asked_for_is_not_forgotten_over_a_renewal(play):
    play.go()
    play.start("say READY=1 STOPPING=1\nexit 75", "catch SIGTERM\nsay READY=1\nwait\nexit 0")
    assert play.end() == 0
    assert play.seen("signal") == [str(int(signal.SIGTERM))]


def test_the_code_can_be_tried_before_it_is_used():
    subprocess.run([sys.executable, "-I", "-S", KEEPER, "--check"], check=True)


def test_what_was_removed_from_the_store_does_not_come_back(play):
    play.start(
        "store a 1\nstore b 2\nstore a 3\nsay FDSTOREREMOVE=1 FDNAME=a\nexit 7",
        "names\nread b\nexit 0",
    )
    assert play.end() == 0
    assert play.seen("names") == ["orphans:lock:b"]
    assert play.seen("read") == ["2"]


def test_many_descriptors_keep_their_names(play):
    store = "\n".join(f"store fd-{number} {number}" for number in range(100))
    read = "\n".join(f"read fd-{number}" for number in range(100))
    play.start(f"{store}\nexit 1", f"{read}\nexit 0")
    assert play.end() == 0
    assert play.seen("read") == [str(number) for number in range(100)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who sent a datagram")
def test_a_stranger_is_not_obeyed(play):
    play.start("store pipe treasure\nstranger FDSTOREREMOVE=1 FDNAME=pipe\nexit 1", "names\nexit 0")
    assert play.end() == 0
    assert play.seen("names") == ["orphans:lock:pipe"]


@pytest.mark.skipif(sys.platform != "linux", reason="orphans come to the keeper on Linux only")
def test_the_end_of_an_orphan_is_reported(play):
    play.start("orphan 7\nreports 1\nexit 0")
    assert play.end() == 0
    (orphan,) = play.seen("orphan")
    assert play.seen("report") == [f"{orphan} {7 << 8}"]


@pytest.mark.skipif(sys.platform != "linux", reason="orphans come to the keeper on Linux only")
def test_an_orphan_that_outlives_the_daemon_is_reported_to_the_next(play):
    play.start("orphan 5 gone\nkill", "reports 1\nexit 0")
    assert play.end() == 0
    (orphan,) = play.seen("orphan")
    assert play.seen("report") == [f"{orphan} {5 << 8}"]


def test_when_nobody_reads_the_oldest_reports_make_room():
    told = in_a_keeper(
        "for number in range(1, 10_001): keeper.report(number, 256)\n"
        "print(keeper_main._drained(keeper.orphans, 10**6).decode())"
    )
    reports = [tuple(map(int, line.split())) for line in told.splitlines() if line]
    first, last = reports[0][0], reports[-1][0]
    assert (first > 1, last) == (True, 10_000)
    assert reports == [(number, 256) for number in range(first, last + 1)]


def test_the_keeper_loads_next_to_nothing():
    loaded = set(in_a_keeper("print(*sys.modules)").split())
    assert loaded.isdisjoint({"socket", "signal", "enum", "re", "typing", "subprocess", "trio"})


def test_a_daemon_that_always_dies_is_started_again_with_growing_pauses(play):
    play.start("exit 3")
    until(lambda: play.log().count("starting it again") >= 4)
    pauses = [line.rpartition(" in ")[2] for line in play.log().splitlines()]
    assert pauses[:4] == ["0 s", "0.1 s", "0.2 s", "0.4 s"]
    assert "exited 3" in play.log()


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (1, 0.1), (2, 0.2), (5, 1.6), (6, 3.2), (7, 5.0), (8, 5.0), (10**6, 5.0)],
)
def test_pauses_double_up_to_a_bound(failures, seconds):
    assert keeper_main.pause(failures) == pytest.approx(seconds)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_signals_are_passed_on_to_a_ready_daemon(play, name):
    play.start(f"catch {name}\nsay READY=1\nwait\nexit 0")
    play.lives(1)
    play.insist(signal.Signals[name], lambda: play.seen("signal"))
    play.go()
    assert play.end() == 0
    assert set(play.seen("signal")) == {str(int(signal.Signals[name]))}


def test_a_hangup_while_no_daemon_lives_goes_to_nobody():
    told = in_a_keeper(
        "keeper.ready = True  # as the last one was\n"
        "os.kill(os.getpid(), 1)\n"
        "keeper.read_signals()\n"
        "print(list(keeper_main._drained(keeper.wake)))"  # kill(0) would hit the keeper itself
    )
    assert told == "[]\n"


def test_a_stop_signal_waits_until_the_daemon_is_ready_for_it(play):
    orders = play.folder / "orders-1"
    os.mkfifo(orders)  # the daemon cannot go on without them
    play.start()
    play.lives(1)
    play.keeper.send_signal(signal.SIGTERM)
    play.go()
    orders.write_text("catch SIGTERM\nsay READY=1\nwait\nexit 0")
    assert play.end() == 0
    assert play.seen("signal") == [str(int(signal.SIGTERM))]


def test_a_stop_signal_sent_again_waits_no_longer(play):
    os.mkfifo(play.folder / "orders-1")
    play.start()
    play.lives(1)
    play.insist(signal.SIGTERM, lambda: play.keeper.poll() is not None)
    assert play.end() == 1
    assert len(play.lives(1)) == 1


def test_a_daemon_that_dies_over_stopping_is_succeeded_by_one_that_finishes(play):
    play.go()
    play.start("say READY=1 STOPPING=1\nkill", "catch SIGTERM\nsay READY=1\nwait\nexit 0")
    assert play.end() == 0
    assert play.seen("signal") == [str(int(signal.SIGTERM))]


def test_a_stop_ends_with_a_daemon_that_does_not_come_up(play):
    play.start("say READY=1 STOPPING=1\nkill", "exit 1")
    assert play.end() == 1
    assert len(play.lives(2)) == 2


def test_a_missing_program_is_named_and_a_stop_signal_ends_the_attempts(play):
    play.start(argv=("/no/such/program",))
    until(lambda: "cannot start /no/such/program: No such file or directory" in play.log())
    play.insist(signal.SIGTERM, lambda: play.keeper.poll() is not None)
    assert play.end() == 1


def test_neither_death_alone_frees_the_lock(play):
    play.start("kill", "catch SIGTERM\nwait")
    _, daemon = play.lives(2)
    assert not play.lock_is_free()
    play.keeper.kill()
    play.keeper.wait()
    assert not play.lock_is_free()
    os.kill(daemon, signal.SIGKILL)
    until(play.lock_is_free)


def test_wrong_words_are_refused():
    told = subprocess.run([sys.executable, KEEPER, "--state", "x"], stderr=-1, check=False)
    assert told.returncode == 2
    assert b"usage:" in told.stderr
