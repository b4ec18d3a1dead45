"""The tables of what traffic costs, the product beside its peers, in turn, in one run.

Figures are CPU time of the processes that carry the traffic, user + system; ratios are medians
over rounds in which every proxy had its turn.
"""

import resource
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass

import psutil
from benches import cpu, loads, peers, upstreams
from benches.loads import Wrk
from benches.peers import Peer
from benches.report import median_ratio, table
from benches.rounds import ROUNDS, Sample, compare, in_turn
from benches.upstreams import BLOB

ECHOES = 40_000


def requests(title: str, load: Wrk) -> None:
    """Compare all proxies by CPU time a request."""

    def measure(proxy: Peer) -> Sample:
        before = cpu.seconds(proxy.pids)
        done = load.ask(proxy.doors.web)
        used = cpu.seconds(proxy.pids) - before
        return Sample(1e6 * used / done.requests, done.requests / done.seconds, done.failed)

    with peers.site(*peers.ALL) as site:
        compare(title, ("CPU µs/request", "requests/s"), in_turn(site.peers, measure))


def get() -> None:
    """Ask for 100 bytes on kept connections."""
    requests("keep-alive GET, 100 bytes, 10 headers, 32 connections", Wrk())


def varied() -> None:
    """Do the same with no two requests alike."""
    requests("the same, each request with a path and a cookie of its own", Wrk("vary"))


def fresh() -> None:
    """Open a connection for every request."""
    requests("GET, 100 bytes, a new connection a request", Wrk("close", seconds=1))


def post() -> None:
    """Send and receive 16 KiB."""
    requests("POST 16 KiB, answer 16 KiB", Wrk("post", "/post", seconds=1))


def large() -> None:
    """Ask for 10 MB at a time."""
    load = Wrk(path="/big", connections=8, seconds=1)

    def measure(proxy: Peer) -> Sample:
        before = cpu.seconds(proxy.pids)
        done = load.ask(proxy.doors.web)
        gigabytes = done.received / 1e9
        used = cpu.seconds(proxy.pids) - before
        return Sample(used / gigabytes, gigabytes / done.seconds, done.failed)

    with peers.site(*peers.ALL) as site:
        compare("GET, 10 MB, 8 connections", ("CPU s/GB", "GB/s"), in_turn(site.peers, measure))


def echo() -> None:
    """Send 100 bytes through raw TCP and back."""

    def measure(proxy: Peer) -> Sample:
        before = cpu.seconds(proxy.pids)
        rate = loads.echo(proxy.doors.echo, ECHOES)
        return Sample(1e6 * (cpu.seconds(proxy.pids) - before) / ECHOES, rate)

    title = "raw TCP, 100 bytes there and back (redis ECHO), 32 connections"
    with peers.site(*peers.TCP) as site:
        compare(title, ("CPU µs/round trip", "round trips/s"), in_turn(site.peers, measure))


def stream() -> None:
    """Send 1 GB through raw TCP."""

    def measure(proxy: Peer) -> Sample:
        before, began = cpu.seconds(proxy.pids), time.perf_counter()
        loads.blob(proxy.doors.blob)
        lasted = time.perf_counter() - began
        return Sample(1e9 / BLOB * (cpu.seconds(proxy.pids) - before), BLOB / 1e9 / lasted)

    with peers.site(*peers.TCP) as site:
        samples = in_turn(site.peers, measure)
    compare("raw TCP, 1 GB on one connection", ("CPU s/GB", "GB/s"), samples)


@dataclass(frozen=True)
class Share:
    """What one turn of one number of proxies took, in CPUs, and what it served."""

    rate: float
    proxies: float
    client: float
    upstreams: float
    others: float
    """All else that ran on this machine."""

    @property
    def cost(self) -> float:
        """CPU µs of the proxies for a request."""
        return 1e6 * self.proxies / self.rate


def scaling() -> None:
    """Serve with one proxy process and with two."""
    shares: dict[int, list[Share]] = {1: [], 2: []}
    with ExitStack() as stack:
        hosted = {}
        for count in shares:
            project = stack.enter_context(peers.folder())
            doors, _ = upstreams.host(project, count)
            hosted[count] = (doors.web, peers.proxies(project), tuple(project.pids("web")))
        for _ in range(ROUNDS + 1):
            for count, (port, proxies, behind) in hosted.items():
                shares[count].append(share(port, proxies, behind))
    one, two = shares[1][1:], shares[2][1:]
    rows: list[tuple[str, ...]] = [("", "1 proxy", "2 proxies", "2 ÷ 1")]
    names = {
        "requests/s": "rate",
        "CPU µs/request": "cost",
        "CPUs used by proxies": "proxies",
        "by wrk": "client",
        "by the upstreams": "upstreams",
        "by all else on this machine": "others",
    }
    for title, name in names.items():
        first, second = ([getattr(each, name) for each in side] for side in (one, two))
        cells = [
            f"{statistics.median(side):,.{0 if name == 'rate' else 2}f}" for side in (first, second)
        ]
        ratio = f"{median_ratio(second, first):.2f}" if all(first) else ""
        rows.append((title, *cells, ratio))
    room = 2 * median_ratio([each.cost for each in one], [each.cost for each in two])
    rows.append(
        ("requests/s if each proxy had a CPU free, from CPU/request", "", "", f"{room:.2f}")
    )
    table(f"requests/s with two proxies, {psutil.cpu_count()} CPUs for all, 64 connections", rows)


def share(port: int, proxies: tuple[int, ...], behind: tuple[int, ...]) -> Share:
    """Measure one turn."""

    def read() -> tuple[float, ...]:
        return cpu.seconds(proxies), children(), cpu.seconds(behind), cpu.busy()

    before = read()
    done = Wrk(connections=64).ask(port)
    used = [(b - a) / done.seconds for a, b in zip(before, read(), strict=True)]
    carried, asked, answered, everything = used
    others = max(0.0, everything - carried - asked - answered)
    return Share(done.requests / done.seconds, carried, asked, answered, others)


def children() -> float:
    """Return the CPU seconds of the load generators that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


TABLES = (get, varied, fresh, post, large, echo, stream, scaling)
