"""The soak: kills of workers, reloads, kills of the daemon; what clients see, and what grows."""

import argparse
import os
import signal
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import helpers
import psutil
from benches.report import table
from load import Client, failures, load, wait_for_answers
from project import Project

from webqx_supervisor.control.client import Client as Door
from webqx_supervisor.model.errors import WebqxError

WORKERS = 3
MORE = f"instances = {WORKERS}\nrestart = {{ healthy_after = '10ms', limit = 1000000 }}"
READERS = ("keep", "close", "slow")
ALL = (*READERS, "post")
RATE = 20
WARM = 0.1
"""The part of a phase after which a process is expected to have its size."""
GROWTH = 1.05
"""So many times the size after the warm-up is still no growth."""


@dataclass
class Samples:
    """What one kind of process has used, look by look: resident octets, descriptors, zombies."""

    rss: list[int] = field(default_factory=list)
    fds: list[int] = field(default_factory=list)
    zombies: list[int] = field(default_factory=list)

    def look(self, pid: int) -> None:
        """Take one more sample."""
        process = psutil.Process(pid)
        children = process.children()
        self.rss.append(process.memory_info().rss)
        self.fds.append(process.num_fds())
        self.zombies.append(sum(each.status() == psutil.STATUS_ZOMBIE for each in children))


class Site:
    """A running project, asked through its control socket."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.problems: list[str] = []
        self._door = Door(str(project.status_socket()))

    def status(self) -> dict:
        """Return what `status --json` prints."""
        return self._door.call("GET", "/status")

    def workers(self) -> list[dict]:
        """Return the workers as they are now."""
        return self.status()["services"][0]["workers"]

    def are_up(self) -> list[dict] | None:
        """Return the workers if all are as they should be."""
        try:
            workers = self.workers()
        except WebqxError:
            return None
        well = all(each["state"] == "RUNNING" and each["healthy"] for each in workers)
        return workers if well and len(workers) == WORKERS else None

    def kill_a_worker(self, clients: list[Client]) -> None:
        """Kill one of them, once all are up and every client has had an answer of late."""
        wait_for_answers(clients, 1)
        victim = helpers.until(self.are_up)[0]["pid"]
        os.kill(victim, signal.SIGKILL)
        helpers.until(
            lambda: (now := self.are_up()) and victim not in [each["pid"] for each in now]
        )

    def reload(self, clients: list[Client]) -> None:
        """Replace all workers, one by one."""
        wait_for_answers(clients, 1)
        answer = self._door.call("POST", "/reload", {"services": []})
        if answer["failed"]:
            self.problems.append(f"reload: {answer['failed']}")

    def kill_the_daemon(self, clients: list[Client]) -> None:
        """Kill it, and see it come back with all its workers and proxies."""
        wait_for_answers(clients, 1)
        before = self.status()
        os.kill(before["daemon"]["pid"], signal.SIGKILL)
        helpers.until(self.are_up)
        after = self.status()
        for key in ("services", "proxies"):
            if _pids(before[key]) != _pids(after[key]):
                self.problems.append(f"{key} are not the same after a kill of the daemon")


def main(parser: argparse.ArgumentParser) -> None:
    """Do what the arguments say; end with 1 if anything failed or grew."""
    parser.add_argument("--restarts", type=int, default=2000)
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.service(more=MORE).cli("start")
            problems = soak(Site(project), arguments)
        finally:
            project.clean_up()
    if problems:
        raise SystemExit("\n".join(["", *problems]))


def soak(site: Site, arguments: argparse.Namespace) -> list[str]:
    """Run the three phases, print what they have shown; return what is wrong."""
    rows = [
        ("phase", "times", "requests", "failed", "process", "MB", "then", "fds", "then", "zombies")
    ]
    phases = (
        ("kill a worker", arguments.restarts, READERS, site.kill_a_worker),
        ("reload", arguments.reloads, ALL, site.reload),
        ("kill the daemon", arguments.kills, ALL, site.kill_the_daemon),
    )
    for name, times, kinds, act in phases:
        with load(site.project.listen, *kinds, rate=RATE) as clients:
            samples = _phase(site, times, clients, act)
        lost = failures(clients)
        site.problems += [f"{name}: {each}" for each in lost]
        sent = sum(client.sent for client in clients)
        for kind, seen in samples.items():
            rows.append(
                (name, str(times), str(sent), str(len(lost)), kind, *_judge(site, name, kind, seen))
            )
    table("size after the warm-up, and at the end", rows)
    return site.problems


def _phase(
    site: Site, times: int, clients: list[Client], act: Callable[[list[Client]], None]
) -> dict[str, Samples]:
    samples = {"keeper": Samples(), "daemon": Samples(), "proxy": Samples()}
    for _ in range(times):
        act(clients)
        status = site.status()
        samples["keeper"].look(status["daemon"]["keeper_pid"])
        samples["daemon"].look(status["daemon"]["pid"])
        samples["proxy"].look(status["proxies"][0]["pid"])
    return samples


def _judge(site: Site, phase: str, kind: str, seen: Samples) -> tuple[str, ...]:
    """Return the cells of one row; what has grown is a problem."""
    part = max(1, int(len(seen.rss) * WARM))
    cells: list[str] = []
    for what, values, scale in (("memory", seen.rss, 1e6), ("descriptors", seen.fds, 1)):
        warm, last = (
            statistics.median(each) for each in (values[part : 2 * part + 1], values[-part:])
        )
        cells += [f"{warm / scale:.1f}", f"{last / scale:.1f}"]
        if last > warm * GROWTH + (1e6 if scale > 1 else 8):
            site.problems.append(
                f"{phase}: {what} of the {kind} grew from {warm:.0f} to {last:.0f}"
            )
    zombies = max(seen.zombies[-part:])
    if zombies > 1:  # one may just be on its way
        site.problems.append(f"{phase}: the {kind} has {zombies} zombies")
    return (*cells, str(zombies))


def _pids(rows: list[dict]) -> list[int]:
    return [each["pid"] for row in rows for each in row.get("workers", [row])]
