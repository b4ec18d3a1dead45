"""The table of what files cost, served by the product and by nginx from one folder."""

import os
from contextlib import ExitStack
from pathlib import Path

from benches import cpu, loads, peers, upstreams
from benches.loads import Wrk
from benches.peers import OURS, Peer, Program
from benches.rounds import Sample, compare, in_turn
from benches.upstreams import Doors, Upstreams

SIZES = {"ten.txt": 10_000, "big.bin": 10_000_000}

SERVICES = """
[listeners.web]
bind = {port}
idle_timeout = "1h"
[[routes]]
listener = "web"
files = "dist"
"""

NGINX = """
daemon off;
{user}
master_process off;
pid {path}/pid;
events {{ worker_connections 1024; }}
http {{
    access_log {path}/access.log;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 1h;
    keepalive_requests 100000000;
    types {{ text/plain txt; }}
    {temp}
    server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; }}
}}
"""


def files() -> None:
    """Ask for a file of 10 kB, then for one of 10 MB, on kept connections."""
    with ExitStack() as stack:
        project = stack.enter_context(peers.folder())
        dist = project.folder / "dist"
        dist.mkdir()
        for name, size in SIZES.items():
            (dist / name).write_bytes(b"x" * size)
        project.write(SERVICES.format(port=project.listen)).cli("start")

        def nginx(path: Path, doors: Doors, _behind: Upstreams) -> list[str]:
            text = NGINX.format(
                path=path,
                root=dist,
                port=doors.sockets,
                temp=upstreams.temp_paths(path),
                user="user root;" if os.geteuid() == 0 else "",
            )
            (path / "nginx.conf").write_text(text)
            return ["nginx", "-p", str(path), "-c", str(path / "nginx.conf"), "-e", f"{path}/log"]

        behind = Upstreams(project.port)
        peer = stack.enter_context(peers.running(Program("nginx", nginx), behind))
        ours = Peer(OURS, Doors(project.listen - 3), peers.proxies(project))
        for name, title, connections in (
            ("ten.txt", "GET of a file of 10 kB, 32 connections", 32),
            ("big.bin", "GET of a file of 10 MB, 4 connections", 4),
        ):
            load = Wrk(path=f"/{name}", connections=connections)
            samples = in_turn((ours, peer), lambda proxy, load=load: measure(proxy, load))
            compare(title, ("CPU µs/request", "requests/s"), samples)


def measure(proxy: Peer, load: loads.Wrk) -> Sample:
    """Measure one turn."""
    before = cpu.seconds(proxy.pids)
    done = load.ask(proxy.doors.sockets)
    used = cpu.seconds(proxy.pids) - before
    return Sample(1e6 * used / done.requests, done.requests / done.seconds, done.failed)


TABLES = (files,)
