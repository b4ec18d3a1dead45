"""The tables of what a user sees of a worker's life, and of what the daemon costs meanwhile."""

import os
import select
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from benches.report import table
from load import Client, failures, load, wait_for_answers
from project import APP, APPS, PYTHON, ROOT, Project

CLIENTS = ("keep", "close", "slow")
RATE = 50  # of each of three clients: 150 requests a second
REPEATS = 11


@contextmanager
def hosted(more: str = "instances = 3", command: str = APP) -> Iterator[Project]:
    """Host one service for the length of the block."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.service(command, more=more).cli("start")
            yield project
        finally:
            project.clean_up()


def losses() -> None:
    """Count what clients see fail: nothing, if the promise holds."""

    def row(
        name: str, more: str, kinds: tuple[str, ...], what: Callable[[Project, list[Client]], None]
    ) -> None:
        with hosted(more) as project, load(project.listen, *kinds, rate=RATE) as clients:
            wait_for_answers(clients, 10)
            what(project, clients)
            wait_for_answers(clients, 20)
        sent = sum(client.sent for client in clients)
        lost = failures(clients)
        rows.append((name, f"{len(lost)} of {sent}" + (f"  {lost[:2]}" if lost else "")))

    def kill(project: Project, clients: list[Client]) -> None:
        count = len(project.workers())
        for _ in range(20):
            wait_for_answers(clients, 3)
            os.kill(project.all_running(count)[0]["pid"], signal.SIGKILL)

    def reload(project: Project, _: list[Client]) -> None:
        for _ in range(10):
            project.cli("reload")

    def scale(project: Project, _: list[Client]) -> None:
        for wanted in ("5", "2"):
            project.cli("scale", "api", wanted)

    rows: list[tuple[str, str]] = []
    often = "restart = { healthy_after = '100ms', limit = 1000 }"
    row("kill -9 of a worker x20, N=3, GETs", f"instances = 3\n{often}", CLIENTS, kill)
    row("kill -9 of the only worker x20, GETs", f"instances = 1\n{often}", CLIENTS, kill)
    row("rolling reload x10, N=3, POSTs too", "instances = 3", (*CLIENTS, "post"), reload)
    row("scale 3 -> 5 -> 2, POSTs too", "instances = 3", (*CLIENTS, "post"), scale)
    table("requests that failed for a client, of those sent", rows)


def restart() -> None:
    """Compare crash -> next answer with the worker's own boot, in turn."""
    ours, boots = [], []
    with hosted("instances = 1\nrestart = { healthy_after = '100ms', limit = 1000 }") as project:
        for _ in range(REPEATS):
            boots.append(boot(project.listen + 2))
            worker = project.all_running(1)[0]
            while time.time() - psutil.Process(worker["pid"]).create_time() < 1:
                httpx.get(project.url)
            os.kill(worker["pid"], signal.SIGKILL)
            began = time.perf_counter()
            while httpx.get(project.url).json()["pid"] == worker["pid"]:
                pass
            ours.append(time.perf_counter() - began)
    added = [a - b for a, b in zip(ours, boots, strict=True)]
    rows = [
        ("crash -> next answer, median", f"{1000 * statistics.median(ours):.0f} ms"),
        ("the worker's own boot, median", f"{1000 * statistics.median(boots):.0f} ms"),
        ("added, median of pairs", f"{1000 * statistics.median(added):+.1f} ms"),
    ]
    table("crash -> next answer by the new worker", rows)


def boot(port: int) -> float:
    """Start the same program bare; return the seconds until its first answer."""
    env = os.environ | {"PORT": str(port)}
    began = time.perf_counter()
    bare = subprocess.Popen([PYTHON, str(APPS / "app.py")], env=env, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/")
                return time.perf_counter() - began
            except httpx.TransportError:
                time.sleep(0.001)
    finally:
        bare.kill()
        bare.wait()


def rotation() -> None:
    """Take a killed worker's port over at once, and see until when requests still come there."""
    spans = []
    for _ in range(REPEATS):
        with hosted("instances = 2\nrestart = { retry_fatal = '1h' }") as project:
            spans.append(last_stray(project))
    table(
        "exit -> out of the rotation (last request that still went to its port)",
        [
            ("median", f"{1000 * statistics.median(spans):.2f} ms"),
            ("most", f"{1000 * max(spans):.2f} ms"),
        ],
    )


def last_stray(project: Project) -> float:
    """Return how long after the exit the last request went to the dead worker's port, in s."""
    worker = project.all_running(2)[0]
    pidfd = os.pidfd_open(worker["pid"])
    stop = threading.Event()
    arrivals: list[float] = []

    def ask() -> None:
        with httpx.Client() as client:
            while not stop.is_set():
                client.get(project.url)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    time.sleep(0.2)
    os.kill(worker["pid"], signal.SIGKILL)
    select.select([pidfd], [], [])
    exited = time.perf_counter()
    with socket.socket() as impostor:
        impostor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        impostor.settimeout(0.3)
        impostor.bind(("127.0.0.1", worker["port"]))
        impostor.listen()
        try:
            while True:
                stray, _ = impostor.accept()
                arrivals.append(time.perf_counter())
                stray.close()
        except TimeoutError:
            pass
    stop.set()
    for thread in asking:
        thread.join()
    os.close(pidfd)
    return max(arrivals, default=exited) - exited


def status() -> None:
    """Time the whole process of `webqx-sv status` with 20 services."""
    with twenty() as project:
        command = [str(ROOT / ".venv/bin/webqx-sv"), "status", "-c", str(project.file)]
        spans = []
        for _ in range(21):
            began = time.perf_counter()
            subprocess.run(command, env=project.env, check=True, stdout=subprocess.DEVNULL)
            spans.append(1000 * (time.perf_counter() - began))
    table(
        "webqx-sv status, whole process, 20 services",
        [("median", f"{statistics.median(spans):.0f} ms"), ("least", f"{min(spans):.0f} ms")],
    )


def idle() -> None:
    """Weigh keeper, daemon and proxy with 20 idle services; CPU over 30 s."""
    with twenty() as project:
        seen = project.status()
        pids = {
            "keeper": seen["daemon"]["keeper_pid"],
            "daemon": seen["daemon"]["pid"],
            "proxy": seen["proxies"][0]["pid"],
        }
        time.sleep(3)
        before = {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in pids.items()}
        time.sleep(30)
        rows, total, used = [], 0.0, 0.0
        for name, pid in pids.items():
            process = psutil.Process(pid)
            rss = process.memory_info().rss / 1e6
            cpu = 100 * (sum(process.cpu_times()[:2]) - before[name]) / 30
            total, used = total + rss, used + cpu
            rows.append((name, f"{rss:5.1f} MB  {cpu:.2f} % CPU"))
    table("idle, 20 services", [*rows, ("together", f"{total:5.1f} MB  {used:.2f} % CPU")])


FLOOD = """
import os, time
line = b"x" * 99 + b"\\n"
for _ in range(8000):
    os.write(1, line * 1000)
print("done", flush=True)
time.sleep(600)
"""


def flood() -> None:
    """Let a worker print 800 MB; weigh the daemon, and time `status` meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        (project.folder / "flood.py").write_text(FLOOD)
        services = f'[services.flood]\ncommand = "{PYTHON} flood.py"\n'
        try:
            project.write(services + '[services.quiet]\ncommand = "sleep 600"\n')
            project.cli("start", "quiet")
            rows = weigh_flood(project)
        finally:
            project.clean_up()
    table("a worker prints 800 MB at once", rows)


def weigh_flood(project: Project) -> list[tuple[str, str]]:
    """Start the flooding worker and look until it has said all."""
    daemon = psutil.Process(project.status()["daemon"]["pid"])
    before = most = daemon.memory_info().rss
    spans = []
    began = time.perf_counter()
    project.cli("start", "flood")
    while not project.cli("logs", "flood", "-n", "1").endswith("done\n"):
        asked = time.perf_counter()
        project.cli("status")
        spans.append(1000 * (time.perf_counter() - asked))
        most = max(most, daemon.memory_info().rss)
    lasted = time.perf_counter() - began
    return [
        ("the daemon grew by at most", f"{(most - before) / 1e6:.1f} MB"),
        ("status meanwhile, median of whole processes", f"{statistics.median(spans):.0f} ms"),
        ("all is in the log files after", f"{lasted:.1f} s"),
    ]


def upload() -> None:
    """Send one body of 5 GB through the proxy, and weigh the proxy."""
    piece, pieces = b"x" * (1 << 20), 5000

    def body() -> Iterator[bytes]:
        nonlocal most
        for _ in range(pieces):
            most = max(most, proxy.memory_info().rss)
            yield piece

    with hosted("instances = 1") as project:
        httpx.get(project.url)
        proxy = psutil.Process(project.status()["proxies"][0]["pid"])
        before = most = proxy.memory_info().rss
        used = sum(proxy.cpu_times()[:2])
        length = {"Content-Length": str(len(piece) * pieces)}
        httpx.post(project.url, content=body(), headers=length, timeout=300).raise_for_status()
        used = sum(proxy.cpu_times()[:2]) - used
    gigabytes = len(piece) * pieces / 1e9
    rows = [
        ("the proxy grew by at most", f"{(most - before) / 1e6:.1f} MB"),
        ("CPU of the proxy", f"{used / gigabytes:.2f} s/GB"),
    ]
    table("an upload of 5 GB", rows)


@contextmanager
def twenty() -> Iterator[Project]:
    """Host 20 services with a port each, one of them behind the proxy."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        first = project.port
        texts = [
            f'[services.s{n}]\ncommand = "{APP}"\nport = {first + n + (n > 9) * 200}\n'
            for n in range(20)
        ]
        try:
            project.write(f"{texts[0]}listen = {project.listen}\n" + "".join(texts[1:]))
            project.cli("start")
            yield project
        finally:
            project.clean_up()


TABLES = (losses, restart, rotation, status, idle, flood, upload)
