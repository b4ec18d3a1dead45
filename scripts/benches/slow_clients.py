"""The table of what clients who send their heads a byte a second do to everybody else."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benches import cpu, loads, peers
from benches.peers import Peer
from benches.report import table

COUNT = 5_000
RATE = 200
SECONDS = 5


def slowloris() -> None:
    """Ask 200 times a second beside 5,000 clients who send a head a byte a second."""
    rows: list[tuple[str, ...]] = [
        ("", "p50 µs", "with them", "p99 µs", "with them", "CPU for them", "kB for each")
    ]
    with peers.site(*peers.ALL) as site:
        for proxy in site.peers:
            loads.paced(proxy.doors.web, RATE, 1)
            rows.append((proxy.name, *measured(proxy)))
    table(f"{COUNT:,} clients who send a head a byte a second", rows)


def measured(proxy: Peer) -> list[str]:
    """Return one row; the figures of all requests are within, as none may fail."""
    alone = loads.paced(proxy.doors.web, RATE, SECONDS)
    before = cpu.resident(proxy.pids)
    with slow_heads(proxy.doors.web):
        began, used = time.monotonic(), cpu.seconds(proxy.pids)
        time.sleep(SECONDS)
        share = (cpu.seconds(proxy.pids) - used) / (time.monotonic() - began)
        grown = cpu.resident(proxy.pids) - before
        crowded = loads.paced(proxy.doors.web, RATE, SECONDS)
    pairs = zip(alone, crowded, strict=True)
    cells = [f"{value:.0f}" for pair in pairs for value in pair]
    return [*cells, f"{100 * share:.0f} %", f"{grown / COUNT / 1e3:.2f}"]


@contextmanager
def slow_heads(port: int) -> Iterator[None]:
    """Have them all at the door for the length of the block."""
    program = Path(__file__).with_name("slow_heads.py")
    words = [sys.executable, str(program), str(port), str(COUNT)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()


TABLES = (slowloris,)
