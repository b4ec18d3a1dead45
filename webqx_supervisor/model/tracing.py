"""Where spans of requests go (OpenTelemetry), and how many."""

from dataclasses import dataclass

from webqx_supervisor.model.filters import Pairs


@dataclass(frozen=True, slots=True)
class Tracing:
    """What is exported by OTLP over HTTP, and to whom."""

    endpoint: str = "http://127.0.0.1:4318/v1/traces"
    headers: Pairs = ()
    """Field lines for the receiver; a value may be where it is kept, `file:/path` or `env:NAME`."""
    sample: float = 1.0
    """The share of new traces that is recorded."""
    service_name: str = "webqx-sv"
    """How the receiver knows us, `service.name`."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a proxy is told of it: the datagram socket that takes spans, and how many to record."""

    socket: str
    sample: float = 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the exporter says of what becomes of spans: that it fails, or goes well (again)."""

    failing: str = ""
    """Why; empty: it goes well."""
    lost: int = 0
    """Spans that nobody got until it went well."""
