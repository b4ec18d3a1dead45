"""The proxies that the product is compared with, each started with one process of traffic.

All are configured alike: two upstreams in turn, keep-alive to them, X-Forwarded-* added, an
access log in a file as the program writes it by default (nginx, HAProxy and Caddy line by line,
Node through a stream, the product in batches).
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import helpers
import psutil
from benches import cpu, upstreams
from benches.upstreams import Doors, Upstreams
from project import ROOT, Project

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "webqx-sv-bench"
OURS = "webqx-sv"
PACKAGES = {
    "nginx": "nginx",
    "haproxy": "haproxy",
    "caddy": "caddy",
    "node": "nodejs",
    "npm": "npm",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "redis-server": "redis-server",
    "redis-benchmark": "redis-tools",
}
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


@dataclass(frozen=True)
class Peer:
    """A running proxy: where it listens, and the processes that carry its traffic."""

    name: str
    doors: Doors
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Site:
    """The upstreams and every proxy in front of them; the product is the first."""

    behind: Upstreams
    peers: tuple[Peer, ...]


@dataclass(frozen=True)
class Program:
    """How a peer is started: writes its configuration into a folder, returns its command."""

    name: str
    command: Callable[[Path, Doors, Upstreams], list[str]]
    tcp: bool = False
    env: tuple[tuple[str, str], ...] = ()


@contextmanager
def site(*names: str) -> Iterator[Site]:
    """Start the product, its upstreams and the peers named; end them all with the block."""
    with ExitStack() as stack:
        project = stack.enter_context(folder())
        doors, behind = upstreams.host(project)
        peers = [Peer(OURS, doors, proxies(project))]
        wanted = [each for each in PROGRAMS if each.name in names and each.name not in missing()]
        peers.extend(stack.enter_context(running(program, behind)) for program in wanted)
        yield Site(behind, tuple(peers))


@contextmanager
def folder() -> Iterator[Project]:
    """Give the product a folder and ports, and clean up after it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as path:
        project = Project(Path(path))
        try:
            yield project
        finally:
            project.clean_up()


def proxies(project: Project) -> tuple[int, ...]:
    """Return the pids of the product's proxies; keeper and daemon never touch traffic."""
    return tuple(proxy["pid"] for proxy in project.status()["proxies"])


@contextmanager
def running(program: Program, behind: Upstreams) -> Iterator[Peer]:
    """Start one peer and wait until it accepts."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        path, doors = Path(name), Doors(helpers.free_ports())
        command = program.command(path, doors, behind)
        with (path / "output").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=path,
                env=os.environ | {"HOME": name} | dict(program.env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            helpers.until(lambda: process.poll() is not None or accepts(doors.sockets))
            if process.poll() is not None:
                raise SystemExit(f"{program.name}: {(path / 'output').read_text()}")
            yield Peer(program.name, doors, cpu.tree(process.pid))
        finally:
            end(process)


def accepts(port: int) -> bool:
    """Tell whether something listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, the hard way if it lingers."""
    family = [process.pid]
    with contextlib.suppress(psutil.Error):
        family = [*cpu.tree(process.pid)]
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(3)
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


NGINX = """
load_module {module};
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
pid {path}/pid;
events {{ worker_connections 19900; }}
http {{
    access_log {path}/access.log;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 1h;
    keepalive_requests 100000000;
    {temp}
    upstream web {{
        server 127.0.0.1:{web[0]};
        server 127.0.0.1:{web[1]};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_max_temp_file_size 0;
    server {{
        listen 127.0.0.1:{doors.web} backlog=4096;
        location / {{ proxy_pass http://web; proxy_set_header Connection ""; {inherited} }}
    }}
    server {{
        listen 127.0.0.1:{doors.sockets} backlog=4096;
        location / {{
            proxy_pass http://127.0.0.1:{sockets};
            proxy_read_timeout 1h;
            {inherited}
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
    }}
}}
stream {{
    access_log off;
    server {{ listen 127.0.0.1:{doors.echo}; proxy_pass 127.0.0.1:{echo}; }}
    server {{ listen 127.0.0.1:{doors.blob}; proxy_pass 127.0.0.1:{blob}; }}
}}
"""
# A location with a proxy_set_header of its own inherits none.
INHERITED = (
    "proxy_set_header Host $http_host; "
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; "
    "proxy_set_header X-Forwarded-Proto $scheme; "
    "proxy_set_header X-Forwarded-Host $http_host;"
)


def nginx(path: Path, doors: Doors, behind: Upstreams) -> list[str]:
    """Configure nginx: a master and one worker process."""
    text = NGINX.format(
        module=STREAM_MODULE,
        user="user root;" if os.geteuid() == 0 else "",  # the folder is for this user alone
        path=path,
        temp=upstreams.temp_paths(path),
        inherited=INHERITED,
        doors=doors,
        web=behind.web,
        echo=behind.echo,
        blob=behind.blob,
        sockets=behind.sockets,
    )
    (path / "nginx.conf").write_text(text)
    return ["nginx", "-p", str(path), "-c", str(path / "nginx.conf"), "-e", str(path / "error.log")]


HAPROXY = """
global
    nbthread 1
    maxconn 12000
    no strict-limits
    log stdout format raw local0 info
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    option splice-request
    option splice-response  # a quarter less CPU for bodies than splice-auto
    http-reuse always
frontend web
    bind 127.0.0.1:{doors.web} backlog 4096
    option httplog
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    default_backend web
backend web
    balance roundrobin
    server one 127.0.0.1:{web[0]}
    server two 127.0.0.1:{web[1]}
listen sockets
    bind 127.0.0.1:{doors.sockets} backlog 4096
    option httplog
    option forwardfor
    timeout tunnel 1h
    server one 127.0.0.1:{sockets}
listen echo
    mode tcp
    no log
    bind 127.0.0.1:{doors.echo}
    server one 127.0.0.1:{echo}
listen blob
    mode tcp
    no log
    bind 127.0.0.1:{doors.blob}
    server one 127.0.0.1:{blob}
"""


def haproxy(path: Path, doors: Doors, behind: Upstreams) -> list[str]:
    """Configure HAProxy: one process, one thread."""
    text = HAPROXY.format(
        doors=doors,
        web=behind.web,
        echo=behind.echo,
        blob=behind.blob,
        sockets=behind.sockets,
    )
    (path / "haproxy.cfg").write_text(text)
    return ["haproxy", "-db", "-f", str(path / "haproxy.cfg")]


CADDY = """
{{
    admin off
    auto_https off
}}
http://:{doors.web} {{
    bind 127.0.0.1
    log {{
        output file {path}/access.log
    }}
    reverse_proxy 127.0.0.1:{web[0]} 127.0.0.1:{web[1]} {{
        lb_policy round_robin
    }}
}}
http://:{doors.sockets} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{sockets}
}}
"""


def caddy(path: Path, doors: Doors, behind: Upstreams) -> list[str]:
    """Configure Caddy, which knows no TCP."""
    text = CADDY.format(path=path, doors=doors, web=behind.web, sockets=behind.sockets)
    (path / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(path / "Caddyfile")]


def node(path: Path, doors: Doors, behind: Upstreams) -> list[str]:
    """Configure the gateway on Node, which is written for HTTP."""
    web, sockets = ",".join(map(str, behind.web)), str(behind.sockets)
    modules, log = str(CACHE / "node_modules"), str(path / "access.log")
    script = str(HERE / "gateway.js")
    return ["node", script, modules, log, str(doors.web), web, str(doors.sockets), sockets]


PROGRAMS = (
    Program("HAProxy", haproxy, tcp=True),
    Program("nginx", nginx, tcp=True),
    Program("Caddy", caddy, env=(("GOMAXPROCS", "1"),)),
    Program("Node", node, env=(("NODE_ENV", "production"),)),
)
ALL = tuple(program.name for program in PROGRAMS)
TCP = tuple(program.name for program in PROGRAMS if program.tcp)

PARITY = """
Every proxy has one process or thread of traffic (nginx: a master beside it; Caddy: GOMAXPROCS=1),
the same two nginx behind it in turn over kept connections, adds X-Forwarded-For, -Proto, -Host,
and writes an access log to a file: nginx, HAProxy (`log stdout`) and Caddy a line at a time, Node
through a stream, webqx-sv in batches. The product's CPU and memory are those of its proxies;
keeper and daemon carry no traffic."""


def missing() -> dict[str, str]:
    """Return the peers that cannot be compared here, with the reason."""
    needs = {
        "HAProxy": ["haproxy"],
        "nginx": ["nginx", str(STREAM_MODULE)],
        "Caddy": ["caddy"],
        "Node": ["node", str(CACHE / "node_modules/http-proxy/package.json")],
    }
    absent = {}
    for name, files in needs.items():
        lacking = [file for file in files if not (shutil.which(file) or Path(file).exists())]
        if lacking:
            absent[name] = f"without {', '.join(lacking)}"
    return absent


def install() -> None:
    """Install what is not here, if that is in our power; say which peers are left out."""
    packages = [package for name, package in PACKAGES.items() if not shutil.which(name)]
    if not STREAM_MODULE.exists():
        packages.append("libnginx-mod-stream")
    for package in packages:
        subprocess.run([str(ROOT / "scripts/need"), package], check=False)
    if shutil.which("npm") and not (CACHE / "node_modules/http-proxy").exists():
        npm = ["npm", "install", "--silent", "--prefix", str(CACHE), "http-proxy"]
        subprocess.run(npm, check=False)
    print(PARITY)
    for name, reason in missing().items():
        print(f"left out: {name} ({reason})")
    for name in ("wrk", "h2load", "nginx", "redis-server", "redis-benchmark"):
        if not shutil.which(name):
            raise SystemExit(f"the tables of traffic need {name} ({PACKAGES[name]})")
