"""The tables of what traffic that hardly moves costs: latency, and memory for who is idle."""

import socket
import statistics
import time
from collections.abc import Callable

from benches import cpu, loads, peers
from benches.loads import Wrk
from benches.peers import OURS
from benches.report import table
from benches.rounds import ROUNDS

RATE = 500
IDLE = 10_000
SOCKETS = 5_000


def latency() -> None:
    """Ask 500 times a second, directly and through each proxy."""
    took: dict[str, list[tuple[float, float]]] = {}
    with peers.site("HAProxy", "nginx") as site:
        ports = {"direct": site.behind.web[0]}
        ports |= {proxy.name: proxy.doors.web for proxy in site.peers}
        for _ in range(ROUNDS + 1):
            for name, port in ports.items():
                took.setdefault(name, []).append(loads.paced(port, RATE, 2))
    direct = took["direct"][1:]
    rows: list[tuple[str, ...]] = [
        ("", "p50 µs", "p99 µs", "added p50", "added p99", f"{OURS} ÷ it, p50", "p99")
    ]
    added = {name: extra(turns[1:], direct) for name, turns in took.items()}
    for name, turns in took.items():
        cells = [f"{statistics.median(column):.0f}" for column in zip(*turns[1:], strict=True)]
        cells += ["", ""] if name == "direct" else [f"{value:+.0f}" for value in added[name]]
        cells += (
            ["", ""] if name in ("direct", OURS) else list(map(ratio, added[OURS], added[name]))
        )
        rows.append((name, *cells))
    table(f"latency at {RATE} requests/s, and what is added to direct", rows)


def extra(
    turns: list[tuple[float, float]], direct: list[tuple[float, float]]
) -> tuple[float, float]:
    """Return the medians of what was added in each round, to p50 and to p99."""
    pairs = [(a[0] - b[0], a[1] - b[1]) for a, b in zip(turns, direct, strict=True)]
    return statistics.median(p for p, _ in pairs), statistics.median(p for _, p in pairs)


def ratio(ours: float, theirs: float) -> str:
    """Return ours ÷ theirs, if theirs rises above the noise."""
    return f"{ours / theirs:.2f}" if theirs > 0 else "-"


def memory(title: str, count: int, talk: Callable[[socket.socket], None], door: str) -> None:
    """Compare what a connection that is opened, used once and kept adds to the RSS."""
    rows: list[tuple[str, ...]] = [
        ("", "before MB", "with all MB", "kB a connection", f"{OURS} ÷ it")
    ]
    grown: dict[str, float] = {}
    with peers.site(*peers.ALL) as site:
        for proxy in site.peers:
            Wrk(seconds=1).ask(proxy.doors.web)
            before = cpu.resident(proxy.pids)
            with loads.kept(getattr(proxy.doors, door), count, talk):
                time.sleep(1)
                after = cpu.resident(proxy.pids)
            grown[proxy.name] = (after - before) / count / 1e3
            cells = [f"{size / 1e6:.1f}" for size in (before, after)] + [f"{grown[proxy.name]:.2f}"]
            cells.append("" if proxy.name == OURS else ratio(grown[OURS], grown[proxy.name]))
            rows.append((proxy.name, *cells))
    table(title, rows)


def connections() -> None:
    """Keep 10,000 connections that have asked once."""
    memory(f"RSS of {IDLE:,} idle keep-alive connections", IDLE, loads.one_request, "web")


def websockets() -> None:
    """Keep 5,000 WebSockets that have echoed once."""
    memory(f"RSS of {SOCKETS:,} idle WebSockets", SOCKETS, loads.websocket, "sockets")


TABLES = (latency, connections, websockets)
