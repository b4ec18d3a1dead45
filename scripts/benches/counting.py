"""The table of what it costs a request to be counted for the metrics."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benches import report

from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.accesslog import AccessLog
from webqx_supervisor.proxy.connection import _UNREAD
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.gateway import Client, Gateway

ROUNDS = 15
TIMES = 20_000


def counting() -> None:
    """Count requests for their route and their worker, without serving them."""
    with tempfile.TemporaryDirectory() as folder:
        reactor = Reactor()
        gateway = Gateway(reactor, AccessLog(reactor, Path(folder)), print, print)
        exchange = Exchange(gateway, Client(None, "127.0.0.1", None), _UNREAD)
        exchange.worker = gateway.meters.worker("api:1@4711")
        exchange.status, exchange.sent = 200, 100
        meter = gateway.meters.named(("web:/", "api"))

        def one() -> None:
            exchange.count_as(meter)
            exchange._count(200)  # noqa: SLF001 - what record() does before it writes a line

        counted, empty = _nanoseconds(one), _nanoseconds(lambda: None)
    rows = [
        ("", "CPU ns", "without the call"),
        ("a request counted", f"{counted:.0f}", f"{counted - empty:.0f}"),
    ]
    report.table("a request is counted for its route and its worker", rows)


def _nanoseconds(action: Callable[[], None]) -> float:
    """Return what one call costs: the median of several rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(TIMES):
            action()
        found.append(1e9 * (time.process_time() - began) / TIMES)
    return statistics.median(found)


TABLES = (counting,)
