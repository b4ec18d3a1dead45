"""A worker with a terminal, and a person in front of it."""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager

import helpers
import pytest
from project import PYTHON, ROOT

from webqx_supervisor.control.client import Client
from webqx_supervisor.model.errors import WebqxError

CONSOLE = """
import os, signal, sys
def sized(*_):
    size = os.get_terminal_size()
    print(f"size {size.columns}x{size.lines}", flush=True)
def interrupted(*_):
    print("interrupted", flush=True)
signal.signal(signal.SIGWINCH, sized)
signal.signal(signal.SIGINT, interrupted)
print(f"tty {os.isatty(0)} {os.isatty(1)} {os.isatty(2)}", os.tcgetpgrp(0) == os.getpid())
while True:
    try:
        word = input("name? ")
    except EOFError:
        print("bye")
        sys.exit(3)
    print(f"hello {word}")
"""


class Screen:
    """A terminal of this test, with a program in it."""

    def __init__(self, project, *words):
        self.master, slave = os.openpty()
        self.resize(30, 100)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [sys.executable, "-m", "webqx_supervisor", *words],
            cwd=project.folder,
            env=project.env | {"PYTHONPATH": str(ROOT)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        self.seen = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def sees(self, text, seconds=20):
        """Return all that was shown up to this text, and forget it."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} did not come; seen: {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536).decode()
        shown, _, self.seen = self.seen.partition(text)
        return shown + text

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def attached(project):
    """Give a context in which a person is attached; more than one at a time is well."""

    @contextmanager
    def attached(worker="shell"):
        screen = Screen(project, "attach", worker)
        try:
            screen.sees("Ctrl-P Ctrl-Q")
            yield screen
        finally:
            screen.close()

    return attached


def write(project, more=""):
    (project.folder / "console.py").write_text(CONSOLE)
    project.write(f"""
[services.shell]
command = "{PYTHON} console.py"
terminal = true
{more}
""")
    return project


def pid_of(project):
    return project.workers("shell")[0]["pid"]


def test_who_attaches_types_to_the_worker_and_sees_what_it_shows(project, attached):
    write(project).cli("start")
    with attached() as screen:
        screen.sees("tty True True True True\r\n")
        screen.sees("name? ")
        screen.type("Ada\r")
        screen.sees("Ada\r\n")  # as a terminal echoes it
        screen.sees("hello Ada\r\n")
        screen.type("\x03")
        screen.sees("interrupted")
    helpers.until(lambda: "shell:1 | " not in (t := project.cli("logs")) and "hello Ada\n" in t)
    assert "\r" not in project.cli("logs")


def test_the_keys_leave_it_and_it_runs_on(project, attached):
    write(project).cli("start")
    pid = pid_of(project)
    with attached() as screen:
        screen.sees("name? ")
        screen.type("A\x10B\r")
        screen.sees("hello A\x10B")
        screen.type("half\x10\x11not for it\r")
        screen.sees("left shell, which runs on")
        assert screen.process.wait(20) == 0
        assert termios.tcgetattr(screen.slave) == screen.before
    assert pid_of(project) == pid
    with attached("shell:1") as screen:  # what was typed is still there
        screen.type("-done\r")
        screen.sees("hello half-done")


def test_several_see_the_same_and_each_may_type(project, attached):
    write(project).cli("start")
    with attached() as one, attached() as other:
        one.sees("name? ")
        other.sees("name? ")
        one.type("Ada\r")
        other.sees("hello Ada")
        other.type("Grace\r")
        one.sees("hello Grace")


def test_the_size_of_the_screen_is_the_workers_too(project, attached):
    write(project).cli("start")
    helpers.until(lambda: "tty True" in project.cli("logs"))  # from here on it heeds SIGWINCH
    with attached() as screen:
        screen.sees("size 100x30")
        screen.resize(40, 120)
        os.kill(screen.process.pid, signal.SIGWINCH)
        screen.sees("size 120x40")


def test_it_ends_with_the_worker(project, attached):
    write(project, 'restart = "never"').cli("start")
    with attached() as screen:
        screen.sees("name? ")
        screen.type("\x04")
        screen.sees("bye")
        screen.sees("shell has ended")
        assert screen.process.wait(20) == 0
        assert termios.tcgetattr(screen.slave) == screen.before
    assert "exited 3" in project.workers("shell")[0]["reason"]
    told = {"worker": "shell", "text": "x"}
    with pytest.raises(WebqxError, match="shell:1 has no terminal now: it is EXITED"):
        Client(str(project.status_socket())).call("POST", "/type", told)


def test_terminal_and_visitor_outlive_the_daemon(project, attached):
    write(project).cli("start")
    pid, daemon = pid_of(project), project.status()["daemon"]["pid"]
    with attached() as screen:
        screen.sees("name? ")
        os.kill(daemon, signal.SIGKILL)
        screen.type("Ada\r")
        screen.sees("hello Ada")
        helpers.until(lambda: project.run("status").returncode == 0)
        screen.type("Grace\r")
        screen.sees("hello Grace")
        project.cli("upgrade")
        screen.type("Joan\r")
        screen.sees("hello Joan")
    assert pid_of(project) == pid
    assert project.status()["daemon"]["pid"] != daemon
    project.cli("reload")
    assert pid_of(project) != pid


def test_a_flood_neither_stops_the_worker_nor_fills_the_daemon(project, attached):
    flood = "import sys\nfor n in range(100000): print('x' * 60)\nprint('all of it')\ninput()"
    project.write(f"""
[services.shell]
command = ["{PYTHON}", "-c", {json.dumps(flood)}]
terminal = true
""").cli("start")
    with attached() as screen:
        os.kill(screen.process.pid, signal.SIGSTOP)
        helpers.until(lambda: "all of it" in project.cli("logs", "-n", "1"), seconds=60)
        os.kill(screen.process.pid, signal.SIGCONT)
        screen.sees("all of it")


def test_what_cannot_be_attached_to_is_told(project):
    write(project, '[services.plain]\ncommand = "sleep 1000"\n').cli("start")
    assert "attach needs a terminal" in project.cli("attach", "shell", code=2)
    for worker, words, code in (
        ("plain", "has no terminal: that takes `terminal = true`", 2),
        ("shell:7", "shell has no worker 7", 4),
        ("shall", "there is: plain, shell", 4),
    ):
        screen = Screen(project, "attach", worker)
        try:
            screen.sees(words)
            assert screen.process.wait(20) == code
        finally:
            screen.close()


def test_what_makes_no_sense_with_a_terminal_is_an_error(project):
    write(project, 'logs = { streams = "apart" }')
    assert "services.toml:5: services.shell.logs.streams" in project.cli("check", code=78)
    write(project, "[services.far]\nremote = 'http://h:1'\nterminal = true")
    assert "services.far.terminal: has no meaning" in project.cli("check", code=78)


def test_a_program_that_is_missing_is_named_as_without_a_terminal(project):
    write(project, '[services.none]\ncommand = "no-such-program"\nterminal = true\n')
    assert "no program no-such-program in PATH" in project.cli("start", code=1)


def test_a_service_that_gets_a_terminal_is_reloaded(project, attached):
    (project.folder / "console.py").write_text(CONSOLE)
    without = '[services.shell]\ncommand = ["sh", "-c", "tty || true; exec sleep 1000"]\n'
    project.write(without).cli("start")
    pid = pid_of(project)
    project.write(without + "terminal = true\n").cli("apply")
    assert pid_of(project) != pid
    helpers.until(lambda: "/dev/pts/" in project.cli("logs"))
