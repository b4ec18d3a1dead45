"""The product and its rivals, each hosting the same app with two workers (PM2 fork: one).

Each knows how to start, reload and end, and which processes are its workers. All are set up as
their documentation shows it. What an app would have to add (signal handlers, wait_ready) is not
there, neither for them nor for the product.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

import helpers
import psutil
from benches.peers import CACHE
from load import refused
from project import ROOT, Project

HERE = Path(__file__).parent
APP = HERE / "app.js"
VENV = CACHE / "rivals"
PM2 = ("node", str(CACHE / "node_modules/pm2/bin/pm2"))
PIP = ("gunicorn", "uvicorn[standard]", "uvicorn-worker", "supervisor")
WORKERS = 2


class Host(ABC):
    """One way to host it, in a folder of its own, on `port`."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = helpers.free_ports()
        self.next = folder / "next"
        self.next.write_text("")
        self.env = os.environ | {
            "NEXT": str(self.next),
            "HOME": str(folder),
            "NODE_ENV": "production",
        }

    @abstractmethod
    def start(self) -> None:
        """Begin to serve; returns when it does."""

    @abstractmethod
    def workers(self) -> list[int]:
        """Return the pids of the workers."""

    @abstractmethod
    def manager(self) -> int:
        """Return the pid of what supervises them."""

    @abstractmethod
    def reload(self) -> None:
        """Have the workers replaced as gently as it can, by code that `next` may have broken."""

    @abstractmethod
    def end(self) -> None:
        """End all of it."""

    def sweep(self) -> None:
        """Kill whatever is left of it, as after the death of its manager."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("NEXT") == str(self.next):
                    process.kill()

    def restart(self) -> None:
        """Have the workers stopped and started."""
        self.reload()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of its own, whatever comes of it."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def until_it_serves(self) -> None:
        """Wait for the port."""
        helpers.until(lambda: not refused(self.port), 30)


class Ours(Host):
    """The product."""

    name = "webqx-sv"

    def start(self) -> None:
        """Begin to serve; returns when it does."""
        self._project = Project(self.folder)
        self.port = self._project.listen
        self._project.service(
            f"node {APP}",
            more="restart = { healthy_after = '100ms', limit = 1000 }\nstop = { drain = '5s' }",
            NEXT=str(self.next),
        ).cli("start")

    def workers(self) -> list[int]:
        """Return the pids of the workers."""
        return [pid for pid in self._project.pids() if pid is not None]

    def manager(self) -> int:
        """Return the pid of the daemon."""
        pid: int = self._project.status()["daemon"]["pid"]
        return pid

    def reload(self) -> None:
        """Replace the workers one by one."""
        self._project.run("reload", timeout=120)

    def restart(self) -> None:
        """Stop and start them."""
        self._project.run("restart", timeout=120)

    def end(self) -> None:
        """End all of it."""
        self._project.clean_up()


class Pm2Cluster(Host):
    """PM2 in cluster mode."""

    name = "PM2 cluster"
    mode = ("-i", str(WORKERS))

    def start(self) -> None:
        """Begin to serve; returns when it does."""
        self.env |= {"PM2_HOME": str(self.folder / "pm2"), "PORT": str(self.port)}
        self._pm2("start", str(APP), "--name", "api", *self.mode)
        self.until_it_serves()

    def workers(self) -> list[int]:
        """Return the pids of the workers."""
        listed = self._pm2("jlist").stdout.strip().splitlines() or ["[]"]
        return [each["pid"] for each in json.loads(listed[-1]) if each["pid"]]

    def manager(self) -> int:
        """Return the pid of the God daemon."""
        return int((self.folder / "pm2/pm2.pid").read_text())

    def reload(self) -> None:
        """Reload, which is gentle in cluster mode only."""
        self._pm2("reload", "api")

    def restart(self) -> None:
        """Stop and start them."""
        self._pm2("restart", "api")

    def end(self) -> None:
        """End all of it."""
        pids = self.workers()
        self._pm2("kill")
        _kill(pids)

    def _pm2(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(*PM2, *words)


class Pm2Fork(Pm2Cluster):
    """PM2 in fork mode: one process, since two cannot share a port."""

    name = "PM2 fork"
    mode = ()


class Uvicorn(Host):
    """uvicorn with its own workers."""

    name = "uvicorn"

    def start(self) -> None:
        """Begin to serve; returns when it does."""
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self.command(), cwd=HERE, env=self.env, stdout=output, stderr=output
            )
        self.until_it_serves()
        helpers.until(lambda: len(self.workers()) == WORKERS, 30)

    def command(self) -> list[str]:
        """Return the command line."""
        port = str(self.port)
        return [str(VENV / "bin/uvicorn"), "asgi:app", "--workers", str(WORKERS), "--port", port]

    def workers(self) -> list[int]:
        """Return the pids of the workers."""
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self._process.pid).children()
            return [each.pid for each in children if "resource_tracker" not in str(each.cmdline())]
        return []

    def manager(self) -> int:
        """Return the pid of the master."""
        return self._process.pid

    def reload(self) -> None:
        """Send the master SIGHUP, and wait until it has other workers."""
        before = set(self.workers())
        self._process.send_signal(signal.SIGHUP)
        with contextlib.suppress(AssertionError):
            helpers.until(lambda: len(set(self.workers()) - before) == WORKERS, 10)

    def end(self) -> None:
        """End all of it."""
        pids = self.workers()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        _kill([*pids, self._process.pid])
        self._process.wait()


class Gunicorn(Uvicorn):
    """gunicorn with uvicorn's worker class."""

    name = "gunicorn"

    def command(self) -> list[str]:
        """Return the command line."""
        bind = f"127.0.0.1:{self.port}"
        kind = "uvicorn_worker.UvicornWorker"
        return [str(VENV / "bin/gunicorn"), "asgi:app", "-w", str(WORKERS), "-k", kind, "-b", bind]


NGINX = """
daemon off;
{user}
worker_processes 1;
pid {path}/nginx.pid;
error_log {path}/error.log;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path {path}/body;
    proxy_temp_path {path}/proxy;
    fastcgi_temp_path {path}/f;
    uwsgi_temp_path {path}/u;
    scgi_temp_path {path}/s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream api {{ {servers} keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""
SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={path}/supervisord.log
pidfile={path}/supervisord.pid
[unix_http_server]
file={path}/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{path}/s.sock
"""
NODE_AND_NGINX = """
[program:api]
command=node {app}
process_name=api_%(process_num)d
numprocs={workers}
environment=PORT="%(ENV_BASE)s%(process_num)d"
autorestart=true
startsecs=0
[program:nginx]
command=nginx -p {path} -c {path}/nginx.conf -e {path}/error.log
"""


class NginxSupervisord(Host):
    """supervisord for the workers, nginx in front of them."""

    name = "nginx+supervisord"

    def start(self) -> None:
        """Begin to serve; returns when it does."""
        # supervisord can only append to a number: the ports are BASE0 and BASE1.
        base = next(base for base in range(1300, 2900) if self._are_free(base))
        self.env["BASE"] = str(base)
        servers = " ".join(f"server 127.0.0.1:{base}{number};" for number in range(WORKERS))
        user = "user root;" if os.geteuid() == 0 else ""
        text = NGINX.format(path=self.folder, port=self.port, servers=servers, user=user)
        (self.folder / "nginx.conf").write_text(text)
        text = (SUPERVISORD + NODE_AND_NGINX).format(path=self.folder, app=APP, workers=WORKERS)
        (self.folder / "s.conf").write_text(text)
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [str(VENV / "bin/supervisord"), "-c", str(self.folder / "s.conf")],
                cwd=self.folder,
                env=self.env,
                stdout=output,
                stderr=output,
            )
        self.until_it_serves()
        for number in range(WORKERS):
            helpers.until(lambda port=int(f"{base}{number}"): not refused(port), 30)

    def workers(self) -> list[int]:
        """Return the pids of the workers."""
        return [pid for pid, command in self._children() if str(APP) in command]

    def manager(self) -> int:
        """Return the pid of supervisord."""
        return self._process.pid

    def reload(self) -> None:
        """Restart one after the other, since there is no reload."""
        for number in range(WORKERS):
            self._ctl("restart", f"api:api_{number}")

    def restart(self) -> None:
        """Restart all."""
        self._ctl("restart", "api:*")

    def end(self) -> None:
        """End all of it."""
        pids = [pid for pid, _ in self._children()]
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        _kill([*pids, self._process.pid])
        self._process.wait()

    def _are_free(self, base: int) -> bool:
        return all(refused(int(f"{base}{number}")) for number in range(WORKERS))

    def _children(self) -> list[tuple[int, str]]:
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self._process.pid).children(recursive=True)
            return [(each.pid, " ".join(each.cmdline())) for each in children]
        return []

    def _ctl(self, *words: str) -> None:
        self.run(str(VENV / "bin/supervisorctl"), "-c", str(self.folder / "s.conf"), *words)


HOSTS: tuple[type[Host], ...] = (Ours, Pm2Cluster, Pm2Fork, Uvicorn, Gunicorn, NginxSupervisord)


def install() -> None:
    """Install what is not here yet. Raises CalledProcessError."""
    install_managers()
    if not shutil.which("nginx"):
        subprocess.run([str(ROOT / "scripts/need"), "nginx"], check=True)


def install_managers() -> None:
    """Install PM2 and what comes by pip. Raises CalledProcessError."""
    if not (CACHE / "node_modules/pm2").exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", str(CACHE), "pm2"], check=True)
    if not (VENV / "bin/supervisord").exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(VENV / "bin/pip"), "install", "--quiet", *PIP], check=True)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
