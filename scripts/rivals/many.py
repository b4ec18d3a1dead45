"""The product, PM2 and supervisord, each with many workers of the smallest program.

Every worker has a port of its own, one after the other from `port` on. All are set up as their
documentation shows it; what they write goes to their own log files.
"""

import json
import os
import shutil
import subprocess
import time
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

import helpers
import psutil
from benches import cpu
from benches.peers import CACHE
from load import refused
from project import ROOT, Project

from rivals.hosts import (
    PM2,
    SUPERVISORD,
    VENV,
    Host,
    NginxSupervisord,
    Ours,
    Pm2Fork,
    install_managers,
)

WORKERS = 200
SOURCE = Path(__file__).parent.parent / "benches/accepts.c"
PROGRAM = CACHE / "accepts"
DEADLINE = 180.0
"""s until all accept, and until the command that starts them is back."""


class Many(Host):
    """A host whose start is a command that can be timed."""

    ready = 0.0
    """s from the command's start until every port accepted."""
    returns = True
    """Whether the command that starts them comes back."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Write the configuration; return the command that starts all."""

    @abstractmethod
    def status(self) -> list[str]:
        """Return the command that tells how they are."""

    @abstractmethod
    def stop(self) -> list[str]:
        """Return the command that ends all."""

    @abstractmethod
    def running(self) -> int:
        """Return how many workers it says are running."""

    def start(self) -> None:
        """Begin to serve; returns when all accept and the command is back."""
        self.port = helpers.free_range(WORKERS)
        command = self.prepare()
        with (self.folder / "output").open("wb") as output:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=output, stderr=output
            )
        until_all_accept(self.port, self._no_failure)
        self.ready = time.perf_counter() - began
        if self.returns:
            self._process.wait(DEADLINE)
            self._no_failure()

    def _no_failure(self) -> None:
        if self._process.poll():
            raise SystemExit(f"{self.name}: {(self.folder / 'output').read_text()}")

    def own(self) -> list[int]:
        """Return the pids of all its processes that are not workers."""
        return [
            pid for pid in cpu.tree(self.manager()) if psutil.Process(pid).exe() != str(PROGRAM)
        ]


class OneService(Many, Ours):
    """The product: one service with many instances, the proxy in front of all."""

    name = f"webqx-sv, {WORKERS} instances"

    def prepare(self) -> list[str]:
        """Write the configuration; return the command that starts all."""
        self._project = Project(self.folder)
        self.env = self._project.env
        self._project.write(self.services())
        return self._command("start")

    def services(self) -> str:
        """Return the text of services.toml."""
        return self._service("many", self.port, f"instances = {WORKERS}\n{self._listen()}")

    def status(self) -> list[str]:
        """Return the command that tells how they are."""
        return self._command("status")

    def stop(self) -> list[str]:
        """Return the command that ends all."""
        return self._command("stop")

    def running(self) -> int:
        """Return how many workers it says are running."""
        workers = [w for each in self._project.status()["services"] for w in each["workers"]]
        return sum(worker["state"] == "RUNNING" for worker in workers)

    def manager(self) -> int:
        """Return the pid of the keeper, which the daemon and the proxy descend from."""
        pid: int = self._project.status()["daemon"]["keeper_pid"]
        return pid

    def _command(self, verb: str) -> list[str]:
        return [str(ROOT / ".venv/bin/webqx-sv"), verb, "-c", str(self._project.file)]

    def _service(self, name: str, port: int, more: str = "") -> str:
        return f'[services.{name}]\ncommand = "{PROGRAM}"\nport = {port}\n{more}\n'

    def _listen(self) -> str:
        return f"listen = {self._project.listen}"


class ManyServices(OneService):
    """The product: many services of one worker, one of them behind the proxy."""

    name = f"webqx-sv, {WORKERS} services"

    def services(self) -> str:
        """Return the text of services.toml."""
        return self._service("s0", self.port, self._listen()) + "".join(
            self._service(f"s{number}", self.port + number) for number in range(1, WORKERS)
        )


class ManyPm2(Many, Pm2Fork):
    """PM2 in fork mode: a file that asks for many instances, each with the next PORT."""

    name = "PM2, fork mode"

    def prepare(self) -> list[str]:
        """Write the configuration; return the command that starts all."""
        self.env["PM2_HOME"] = str(self.folder / "pm2")
        service = {
            "name": "many",
            "script": str(PROGRAM),
            "interpreter": "none",
            "exec_mode": "fork",
            "instances": WORKERS,
            "increment_var": "PORT",
            "env": {"PORT": self.port},
        }
        file = self.folder / "many.json"
        file.write_text(json.dumps({"apps": [service]}))
        return [*PM2, "start", str(file)]

    def status(self) -> list[str]:
        """Return the command that tells how they are."""
        return [*PM2, "jlist"]

    def stop(self) -> list[str]:
        """Return the command that ends all."""
        return [*PM2, "kill"]

    def running(self) -> int:
        """Return how many workers it says are running."""
        listed = json.loads(self._pm2("jlist").stdout)
        return sum(each["pm2_env"]["status"] == "online" for each in listed)


PROGRAMS = """
[program:many]
command={program}
process_name=%(process_num)d
numprocs={workers}
numprocs_start={port}
environment=PORT="%(process_num)d"
"""


class ManySupervisord(Many, NginxSupervisord):
    """supervisord: one program with many processes, without nginx."""

    name = "supervisord"
    returns = False

    def prepare(self) -> list[str]:
        """Write the configuration; return the command that starts all."""
        values = {"program": PROGRAM, "workers": WORKERS, "port": self.port, "path": self.folder}
        (self.folder / "s.conf").write_text((SUPERVISORD + PROGRAMS).format(**values))
        return [str(VENV / "bin/supervisord"), "-c", str(self.folder / "s.conf")]

    def status(self) -> list[str]:
        """Return the command that tells how they are."""
        return self._command("status")

    def stop(self) -> list[str]:
        """Return the command that ends all."""
        return self._command("shutdown")

    def running(self) -> int:
        """Return how many workers it says are running."""
        return self.run(*self.status()).stdout.count(" RUNNING ")

    def _command(self, verb: str) -> list[str]:
        return [str(VENV / "bin/supervisorctl"), "-c", str(self.folder / "s.conf"), verb]


HOSTS: tuple[type[Many], ...] = (OneService, ManyServices, ManyPm2, ManySupervisord)


def install() -> None:
    """Install what is not here yet, and compile the program. Raises CalledProcessError."""
    packages = {"cc": ("gcc", "libc6-dev"), "npm": ("nodejs", "npm")}
    for command, names in packages.items():
        if not shutil.which(command):
            subprocess.run([str(ROOT / "scripts/need"), *names], check=True)
    install_managers()
    subprocess.run(["cc", "-O2", "-o", str(PROGRAM), str(SOURCE)], check=True)


def bare() -> float:
    """Start the programs without anybody's care; return after how many s all accepted."""
    first = helpers.free_range(WORKERS)
    processes = []
    try:
        began = time.perf_counter()
        for port in range(first, first + WORKERS):
            env = os.environ | {"PORT": str(port)}
            processes.append(subprocess.Popen([PROGRAM], env=env))
        until_all_accept(first)
        return time.perf_counter() - began
    finally:
        for process in processes:
            process.kill()
            process.wait()


def until_all_accept(first: int, check: Callable[[], None] = lambda: None) -> None:
    """Wait for all ports, for one after the other: so little is asked of those that are coming.

    `check` is called at every refusal, and may raise.
    """
    deadline = time.monotonic() + DEADLINE
    for port in range(first, first + WORKERS):
        while refused(port):
            check()
            if time.monotonic() > deadline:
                raise SystemExit(f"port {port} does not accept after {DEADLINE:g} s")
            time.sleep(0.002)
