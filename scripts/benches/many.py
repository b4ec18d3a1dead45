"""The table of many workers: what they cost their supervisor, beside PM2 and supervisord."""

import resource
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from benches import cpu
from benches.report import table
from rivals import many as rivals
from rivals.many import HOSTS, WORKERS, Many

ROUNDS = 3
ASKED = 7
"""How often `status` is run in a round."""
SETTLE, IDLE = 5.0, 20.0
"""s from the start to idleness, and of idleness."""


@dataclass(frozen=True)
class Seen:
    """What one round showed of one host; `start_cpu` is that of all its own processes.

    `stop` is the time until no process is left, of its own or a worker's.
    """

    ready: float
    start_cpu: float
    status: float
    idle_percent: float
    rss: int
    stop: float


def many_workers() -> None:
    """Have 200 workers of the smallest program, beside PM2 and supervisord (about ten minutes)."""
    rivals.install()
    bare: list[float] = []
    seen: dict[str, list[Seen]] = {kind.name: [] for kind in HOSTS}
    for _ in range(ROUNDS):
        bare.append(rivals.bare())
        for kind in HOSTS:
            seen[kind.name].append(one_round(kind))
    empty = ("", "", "", "", "")
    rows = [("", "start, s", "its CPU, s", "status, ms", "idle CPU, %", "RSS, MB", "stop, s")]
    rows.append(("the bare programs", f"{statistics.median(bare):.2f}", *empty))
    rows.extend((name, *_figures(rounds)) for name, rounds in seen.items())
    table(f"{WORKERS} workers: the supervisor's own processes, medians of {ROUNDS}", rows)


def one_round(kind: type[Many]) -> Seen:
    """Start, ask, leave alone, weigh and end one host."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        host = kind(Path(folder))
        try:
            before = _children()
            host.start()
            # What ended since is the command that started all; the others live.
            command = _children() - before
            own = host.own()
            start_cpu = command + cpu.seconds(own)
            time.sleep(SETTLE)
            if host.running() != WORKERS:
                raise SystemExit(f"{host.name}: {host.running()} of {WORKERS} run")
            asked = statistics.median(_time(host, host.status()) for _ in range(ASKED))
            idle, rss = _idle_percent(own), cpu.resident(own)
            return Seen(host.ready, start_cpu, 1000 * asked, idle, rss, _stop(host))
        finally:
            try:
                host.end()
            finally:
                host.sweep()


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _time(host: Many, command: list[str]) -> float:
    """Return how many s the whole process of a command takes."""
    began = time.perf_counter()
    subprocess.run(
        command, cwd=host.folder, env=host.env, check=True, stdout=subprocess.DEVNULL, timeout=60
    )
    return time.perf_counter() - began


def _stop(host: Many) -> float:
    processes = [psutil.Process(pid) for pid in cpu.tree(host.manager())]
    began = time.perf_counter()
    _time(host, host.stop())
    if psutil.wait_procs(processes, timeout=60)[1]:
        raise SystemExit(f"{host.name} leaves processes behind")
    return time.perf_counter() - began


def _idle_percent(pids: list[int]) -> float:
    time.sleep(1)  # what the last question left to do
    before, began = cpu.seconds(pids), time.perf_counter()
    time.sleep(IDLE)
    return 100 * (cpu.seconds(pids) - before) / (time.perf_counter() - began)


def _figures(rounds: list[Seen]) -> tuple[str, ...]:
    def median(name: str) -> float:
        return statistics.median(getattr(each, name) for each in rounds)

    return (
        f"{median('ready'):.2f}",
        f"{median('start_cpu'):.2f}",
        f"{median('status'):.0f}",
        f"{median('idle_percent'):.2f}",
        f"{median('rss') / 1e6:.0f}",
        f"{median('stop'):.1f}",
    )


TABLES = (many_workers,)
