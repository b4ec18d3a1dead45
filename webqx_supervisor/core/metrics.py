"""Every metric, once: its name, its type, its labels and one sentence.

docs/metrics.md shows the same. Names follow Prometheus' rules for them: base units, and `_total`
behind what only grows.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Type(StrEnum):
    """How the numbers of a metric are to be understood."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; its samples have these labels, in this order."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str


_ROUTE = ("route", "service")
_WORKER = ("service", "worker")
_ALL: list[Metric] = []


def _metric(name: str, kind: Type, labels: tuple[str, ...], words: str) -> Metric:
    metric = Metric(f"webqx_{name}", kind, labels, words)
    _ALL.append(metric)
    return metric


def _counter(name: str, labels: tuple[str, ...], words: str) -> Metric:
    return _metric(f"{name}_total", Type.COUNTER, labels, words)


def _gauge(name: str, labels: tuple[str, ...], words: str) -> Metric:
    return _metric(name, Type.GAUGE, labels, words)


def _histogram(name: str, labels: tuple[str, ...], words: str) -> Metric:
    return _metric(name, Type.HISTOGRAM, labels, words)


REQUESTS: Final = _counter(
    "requests", (*_ROUTE, "status"), "Requests that are over, by the class of their status."
)
DURATIONS: Final = _histogram(
    "request_duration_seconds",
    (*_ROUTE, "status"),
    "Time from a request's head to the last octet of its answer; of those that have an end.",
)
IN_FLIGHT: Final = _gauge(
    "requests_in_flight", _ROUTE, "Requests, or connections over TCP, that are not over."
)
RETRIES: Final = _counter(
    "request_retries", _ROUTE, "Times that a request was sent to another worker after one failed."
)
ERRORS: Final = _counter(
    "proxy_errors",
    (*_ROUTE, "status"),
    "Answers that the proxy itself gave because something was wrong; 499: the client went away, "
    "cut: an answer broke off after its head.",
)
SENT: Final = _counter("sent_bytes", _ROUTE, "Octets of answers' bodies and tunnels to clients.")
RECEIVED: Final = _counter(
    "received_bytes", _ROUTE, "Octets of requests' bodies and tunnels from clients."
)
TCP: Final = _counter(
    "tcp_connections", (*_ROUTE, "outcome"), "Connections over TCP that are over."
)
WAITING: Final = _gauge("queue_waiting", ("service",), "Requests that wait for a worker.")
WAITS: Final = _histogram(
    "queue_wait_seconds",
    ("service",),
    "Time that requests have waited for a worker, whatever came of it; of those that had to.",
)
WANTED: Final = _gauge("service_instances_wanted", ("service",), "Workers that are to run.")
WORKER_REQUESTS: Final = _counter(
    "worker_requests", (*_WORKER, "status"), "Requests that the worker has answered."
)
WORKER_DURATIONS: Final = _histogram(
    "worker_request_duration_seconds",
    _WORKER,
    "Time of the requests that the worker has answered, from their head on.",
)
WORKER_FAILURES: Final = _counter(
    "worker_failures",
    _WORKER,
    "Requests that the worker failed: refused, broken off, too late or malformed.",
)
WORKER_IN_FLIGHT: Final = _gauge(
    "worker_requests_in_flight", _WORKER, "Requests that the worker has now."
)
WORKER_HEALTHY: Final = _gauge("worker_healthy", _WORKER, "1: it gets requests.")
WORKER_STATE: Final = _gauge("worker_state", (*_WORKER, "state"), "1 for the state that it is in.")
WORKER_RESTARTS: Final = _counter(
    "worker_restarts", (*_WORKER, "reason"), "Times that its process was replaced."
)
WORKER_PROBES: Final = _counter(
    "worker_probes", (*_WORKER, "outcome"), "Probes of a worker that had been ready."
)
BREAKER_STATE: Final = _gauge(
    "worker_breaker_state",
    _WORKER,
    "0: closed, 1: half-open, 2: open; of the proxy whose breaker lets least through.",
)
BREAKER_OPENED: Final = _counter(
    "worker_breaker_opened", _WORKER, "Times that a proxy opened its breaker of the worker."
)
WORKER_CPU: Final = _counter(
    "worker_cpu_seconds", _WORKER, "CPU time of the present process of the worker."
)
WORKER_MEMORY: Final = _gauge("worker_resident_memory_bytes", _WORKER, "Memory of the worker.")
WORKER_FDS: Final = _gauge("worker_open_fds", _WORKER, "Descriptors that the worker has open.")
WORKER_UPTIME: Final = _gauge(
    "worker_uptime_seconds", _WORKER, "Time since the present process of the worker was started."
)
LISTENER_OPEN: Final = _gauge(
    "listener_connections", ("listener",), "Connections of clients that are open."
)
LISTENER_ACCEPTED: Final = _counter(
    "listener_accepted", ("listener",), "Connections of clients that were let in."
)
LISTENER_TURNED_AWAY: Final = _counter(
    "listener_turned_away", ("listener",), "Connections of clients that were not let in."
)
PROXY_CONNECTIONS: Final = _gauge(
    "proxy_connections", ("proxy",), "Connections of clients that the proxy has open."
)
PROXY_CPU: Final = _counter("proxy_cpu_seconds", ("proxy",), "CPU time of the proxy's process.")
PROXY_MEMORY: Final = _gauge("proxy_resident_memory_bytes", ("proxy",), "Memory of the proxy.")
PROXY_FDS: Final = _gauge("proxy_open_fds", ("proxy",), "Descriptors that the proxy has open.")
PROXY_UPTIME: Final = _gauge("proxy_uptime_seconds", ("proxy",), "Time since it was started.")
DAEMON_CPU: Final = _counter("daemon_cpu_seconds", (), "CPU time of the daemon's process.")
DAEMON_MEMORY: Final = _gauge("daemon_resident_memory_bytes", (), "Memory of the daemon.")
DAEMON_FDS: Final = _gauge("daemon_open_fds", (), "Descriptors that the daemon has open.")
DAEMON_UPTIME: Final = _gauge("daemon_uptime_seconds", (), "Time since the daemon was started.")
BUILD: Final = _gauge("build_info", ("version", "python"), "1; the labels say what runs.")

METRICS: Final = tuple(_ALL)
"""All of them, in the order in which they are shown."""
