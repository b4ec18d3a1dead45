"""`top` in a real terminal of 80 columns and 24 lines: tmux's."""

import itertools
import os
import shutil
import signal
import subprocess

import helpers
import httpx
import pytest
from project import PYTHON, ROOT

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is missing")


class Terminal:
    """A tmux of the test's own, with one window in which the command runs."""

    def __init__(self, project, width=80, height=24):
        self._tmux = ("tmux", "-S", str(project.folder / "tmux"), "-f", "/dev/null")
        command = f"{PYTHON} -m webqx_supervisor top; echo left with $?; read _"
        env = project.env | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "COLUMNS": "80"}
        size = ("-x", str(width), "-y", str(height))
        self._env = env
        self("new-session", "-d", *size, "-c", str(project.folder), command)

    def __call__(self, *words):
        return subprocess.run(
            [*self._tmux, *words], env=self._env, capture_output=True, text=True, check=True
        ).stdout

    def press(self, *keys):
        self("send-keys", *keys)

    def lines(self):
        return self("capture-pane", "-p").splitlines()

    def until(self, *texts):
        """Return the lines once each of the texts is on the screen."""
        try:
            return helpers.until(
                lambda: all(text in self("capture-pane", "-p") for text in texts) and self.lines()
            )
        except AssertionError:
            raise AssertionError(f"no {texts} on the screen:\n" + "\n".join(self.lines())) from None

    def rate(self, name):
        """Return what the row shows as requests a second, 0 before it is known."""
        cell = (self.line(name) or ["-"] * 4)[3]
        return 0.0 if cell == "-" else float(cell)

    def line(self, name):
        """Return the cells of this row of the table; there may be lines of its log below."""
        table = itertools.takewhile(lambda line: "──" not in line, self.lines())
        return next((line.split() for line in table if line.split()[:1] == [name]), [])

    def close(self):
        self("kill-server")


@pytest.fixture
def terminal(project):
    opened = []

    def open_one(**size):
        opened.append(Terminal(project, **size))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def test_services_and_workers_are_seen_live(project, terminal):
    project.service().cli("start")
    screen = terminal()
    lines = screen.until("all well", "api:1", "api:2", "q quit")
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    before = project.pids()
    assert screen.line("api:1")[2] == str(before[0])
    helpers.until(lambda: httpx.get(project.url) and screen.rate("api") > 0)
    os.kill(before[0], signal.SIGKILL)
    helpers.until(lambda: screen.line("api:1")[2:3] not in ([], [str(before[0])]))
    screen.until("all well")


def test_keys_reload_scale_stop_and_start(project, terminal):
    project.service().cli("start")
    screen = terminal()
    screen.until("all well", "api:2")
    before = project.pids()
    screen.press("r")
    screen.until("reload api: done")
    assert not set(before) & set(project.pids())
    screen.press("+")
    screen.until("scale api +1: done", "api:3")
    assert len(project.pids()) == 3
    screen.press("s")
    screen.until("stop api? y to do it")
    screen.press("n")
    screen.until("q quit")
    assert len(project.pids()) == 3
    screen.press("s", "y")
    screen.until("STOPPED", "stop api: done", "all well")  # as somebody wanted
    screen.press("s")
    screen.until("start api: done", "all well")


def test_panes_filter_and_help(project, terminal):
    project.service().cli("start")
    screen = terminal()
    screen.until("logs of api", "out listening")
    screen.press("e")
    screen.until("events of api", "ready")
    screen.press("?")
    screen.until("filter by name or state")
    screen.press("w")
    screen.until("why of api")
    screen.press("Escape")
    screen.until("logs of api")
    screen.press("/", "a", "p", "i", ":", "2")
    screen.until("filter: api:2_")
    helpers.until(lambda: not screen.line("api:1"))
    screen.press("Escape")
    helpers.until(lambda: screen.line("api:1"))
    screen.press("q")
    screen.until("left with 0")


def test_it_outlives_the_daemon_and_a_resized_terminal(project, terminal):
    project.service().cli("start")
    screen = terminal()
    screen.until("all well", "api:2")
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    screen.until("all well", "api:2")
    screen("resize-window", "-x", "60", "-y", "12")
    helpers.until(lambda: len(screen.lines()) == 12)
    screen.until("api:2")
    project.cli("stop")
    screen.until("the daemon is not running")
    screen.press("C-c")
    screen.until("left with 0")


def test_without_a_terminal_it_says_what_to_use(project):
    project.service().cli("start")
    assert "needs a terminal" in project.cli("top", code=2)


def test_without_a_daemon_the_screen_is_not_taken(project, terminal):
    project.service()
    screen = terminal()
    screen.until("the daemon is not running", "left with 3")
