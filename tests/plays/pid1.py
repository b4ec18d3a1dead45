"""A real systemd as PID 1, in namespaces of its own, and one unit below it."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import helpers
import psutil

SCRIPT = Path(__file__).parent / "apps" / "pid1.sh"
SYSTEMD = Path("/lib/systemd/systemd")
TARGET = "[Unit]\nDescription=Empty, so that nothing but the plays' unit is started\n"
TARGETS = ("play", "sysinit", "basic", "network", "shutdown")


def why_not():
    """Say why there can be no such systemd here; nothing when there can."""
    if os.geteuid() != 0:
        return "namespaces for a systemd need root"
    if not SYSTEMD.exists():
        return "no systemd is installed"
    for tool in ("unshare", "nsenter", "systemctl", "systemd-analyze"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    tried = (
        "mount -t tmpfs tmpfs /run && mount -t cgroup2 none /run && mkdir /run/$0 && rmdir /run/$0"
    )
    command = ["unshare", "--mount", "--pid", "--fork", "--cgroup", "sh", "-c", tried, _name()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"no namespaces and cgroups here: {done.stderr.strip()}" if done.returncode else ""


class Systemd:
    """PID 1; `units` is where it looks for units, `inside` what is put before a command."""

    def __init__(self, folder):
        self.units = folder / "units"
        self.units.mkdir()
        for name in TARGETS:
            (self.units / f"{name}.target").write_text(f"{TARGET}DefaultDependencies=no\n")
        self.log = folder / "systemd.log"
        with self.log.open("wb") as log:
            self._script = subprocess.Popen(
                ["unshare", "--mount", str(SCRIPT), _name(), str(self.units)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid = 0

    def boot(self):
        """Return when it answers."""
        self._pid = helpers.until(self._find)
        target = ["nsenter", "--target", str(self._pid)]
        self.inside = (*target, "--pid", "--mount", "--ipc", "--uts", "--cgroup")
        states = ("running\n", "degraded\n")
        helpers.until(lambda: self.systemctl("is-system-running", code=None) in states)

    def _find(self):
        assert self._script.poll() is None, self.log.read_text()
        for process in psutil.Process(self._script.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # the script starts short-lived ones
                if process.name() == "systemd":
                    return process.pid
        return None

    def systemctl(self, *words, code=0):
        """Return what it printed; check its exit code, unless that may be any."""
        command = [*self.inside, "systemctl", "--no-pager", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if code is not None:
            said = f"{done.stdout}{done.stderr}{self.log.read_text()[-4000:]}"
            assert done.returncode == code, f"systemctl {words} -> {done.returncode}\n{said}"
        return done.stdout

    def close(self):
        """End it, and with it all that it has started."""
        if self._script.poll() is None:
            # Of a PID 1 the kernel kills the whole namespace; the script then removes the cgroup.
            os.kill(self._pid or helpers.until(self._find), signal.SIGKILL)
        assert self._script.wait(30) == 0, self.log.read_text()


class Unit:
    """One unit of it, made of a text and a drop-in that has what this machine needs."""

    def __init__(self, systemd, name):
        self.systemd = systemd
        self.name = name
        self.file = systemd.units / name
        self.drop_in = systemd.units / f"{name}.d" / "play.conf"

    def write(self, text, drop_in):
        self.file.write_text(text)
        self.drop_in.parent.mkdir(exist_ok=True)
        self.drop_in.write_text(drop_in)
        self.systemd.systemctl("daemon-reload")

    def do(self, verb, *words, code=0):
        """Have systemctl do something with it."""
        return self.systemd.systemctl(verb, self.name, *words, code=code)

    def shows(self, name):
        """Return one property."""
        return self.do("show", "--value", "--property", name).strip()

    def remove(self):
        """Stop it whatever it does, and forget it."""
        self.do("stop", "--no-block", code=None)
        self.do("kill", "--signal=KILL", "--kill-whom=all", code=None)
        self.do("stop", code=None)
        self.do("reset-failed", code=None)
        self.file.unlink(missing_ok=True)
        shutil.rmtree(self.drop_in.parent, ignore_errors=True)


def _name():
    return f"webqx-sv-play-{os.getpid()}"
