"""The same faults and the same clients for each host, and what the clients saw."""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benches.report import table
from faults import EVERY_KIND, REQUESTS, STREAMS
from load import Client, load, wait_for_answers

from rivals.hosts import HOSTS, Host, install

AFTER = 2.0
"""s for which the clients go on after the fault."""


def kill_a_worker(host: Host) -> None:
    """Kill one."""
    os.kill(host.workers()[0], signal.SIGKILL)


def kill_all_workers(host: Host) -> None:
    """Kill all."""
    for pid in host.workers():
        os.kill(pid, signal.SIGKILL)


def reload(host: Host) -> None:
    """Have the workers replaced by their like."""
    host.reload()


def reload_onto_a_crash(host: Host) -> None:
    """Have them replaced by what cannot run."""
    host.next.write_text("crash")
    host.reload()


def restart(host: Host) -> None:
    """Have them stopped and started."""
    host.restart()


def kill_the_manager(host: Host) -> None:
    """Kill what supervises them."""
    os.kill(host.manager(), signal.SIGKILL)


FAULTS = (
    ("kill -9 a worker", kill_a_worker),
    ("kill -9 all workers", kill_all_workers),
    ("reload, the gentlest there is", reload),
    ("reload onto code that crashes", reload_onto_a_crash),
    ("restart", restart),
    ("kill -9 the daemon", kill_the_manager),
)


def main() -> None:
    """Print one table for each fault."""
    install()
    for title, fault in FAULTS:
        rows = [("host", *EVERY_KIND)]
        for kind in HOSTS:
            seen = [client for group in (REQUESTS, STREAMS) for client in under(kind, group, fault)]
            rows.append((kind.name, *(f"{len(each.failures)}/{each.sent}" for each in seen)))
        table(f"{title}: failures, of the requests or streams begun", rows)


def under(
    kind: type[Host], clients: tuple[str, ...], fault: Callable[[Host], None]
) -> list[Client]:
    """Do it once to a fresh host under these clients; return them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        host = kind(Path(folder))
        try:
            host.start()
            with load(host.port, *clients, seconds=5) as running:
                wait_for_answers(running, 3)
                fault(host)
                time.sleep(AFTER)
            return running
        finally:
            with contextlib.suppress(OSError, AssertionError):
                host.end()
            host.sweep()
