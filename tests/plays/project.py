"""A folder with a services.toml, and the command webqx-sv as a person types it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import helpers
import psutil

from webqx_supervisor.cli.options import reach
from webqx_supervisor.config.files import locate

APPS = Path(__file__).parent / "apps"
ROOT = Path(__file__).parent.parent.parent
PYTHON = sys.executable
APP = f"{PYTHON} {APPS / 'app.py'}"
NODE = f"node {APPS / 'plain.js'}"


class Project:
    """Its ports: `listen` for the proxy, `port` for the workers, 15 to go on with."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.file = folder / "services.toml"
        self.listen = helpers.free_ports()
        self.port = self.listen + 4
        self.wrap = ()
        """What is put before the command, as a shell's `nice` would be."""
        self.env = os.environ | {"WEBQX_SV_HOME": str(self.home), "NO_COLOR": "1"}

    def write(self, text):
        self.file.write_text(text)
        return self

    def service(self, command=APP, more="", **env):
        """Write the smallest file: one service `api` with two workers unless `more` says else."""
        lines = [
            "[services.api]",
            f"command = {json.dumps(command)}",
            f"port = {self.port}",
            f"listen = {self.listen}",
            "env = { " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in env.items()) + " }",
        ]
        if "instances" not in more:
            lines.append("instances = 2")
        return self.write("\n".join([*lines, more, ""]))

    def cli(self, *words, code=0, timeout=60):
        """Run a verb; return what it printed on stdout, check its exit code."""
        done = self.run(*words, timeout=timeout)
        assert done.returncode == code, (
            f"{words} -> {done.returncode}\n{done.stdout}{done.stderr}{self.daemon_log()}"
        )
        return done.stdout if code == 0 else done.stdout + done.stderr

    def run(self, *words, timeout=60):
        return subprocess.run(
            [*self.wrap, PYTHON, "-m", "webqx_supervisor", *words],
            cwd=self.folder,
            env=self.env | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def popen(self, *words):
        return subprocess.Popen(
            [PYTHON, "-m", "webqx_supervisor", *words],
            cwd=self.folder,
            env=self.env | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def status(self):
        return self._ask("/status")

    def workers(self, name="api"):
        service = next(s for s in self.status()["services"] if s["name"] == name)
        return service["workers"]

    def pids(self, name="api"):
        return [worker["pid"] for worker in self.workers(name)]

    def all_running(self, count, name="api"):
        """Return the workers once `count` of them are RUNNING and there are no others."""

        def look():
            workers = self.workers(name)
            good = all(w["state"] == "RUNNING" and w["healthy"] for w in workers)
            return workers if good and len(workers) == count else None

        return helpers.until(look)

    def events(self):
        return self._ask("/events?n=50")["events"]

    def _ask(self, path):
        """Ask as the commands do, without starting one: a play looks very often."""
        return reach(self._places(), lambda client: client.call("GET", path))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listen}"

    def state_dir(self):
        return next(path for path in self.home.iterdir() if (path / "wanted.json").exists())

    def status_socket(self):
        """Return where the daemon answers."""
        return self._places().socket

    def _places(self):
        with mock.patch.dict(os.environ, self.env):
            return locate(self.file)

    def daemon_log(self):
        with contextlib.suppress(OSError, StopIteration):
            return "\n--- daemon.log\n" + "\n".join(
                (self.state_dir() / "daemon.log").read_text().splitlines()[-40:]
            )
        return ""

    def processes(self):
        """Return every living process that has this project in its environment."""
        return [*self.commands()]

    def commands(self):
        """Return each of `processes` with the words of its command, read before it can be gone."""
        mine = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                env, words = process.environ(), process.cmdline()
                # A worker has only its folder in common with the project.
                ours = (
                    env.get("WEBQX_SV_HOME") == str(self.home)
                    or str(self.home) in " ".join(words)
                    or process.cwd().removesuffix(" (deleted)") == str(self.folder)
                )
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    mine[process] = words
        return mine

    def clean_up(self):
        """End whatever is left, also when the product failed to."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.run("stop", timeout=20)
        for _ in range(5):
            left = self.processes()
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(left, timeout=2)
            if not left:
                break
