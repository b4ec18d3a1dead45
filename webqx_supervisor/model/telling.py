"""What workers and clients are told about a request, beside the request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Telling:
    """What is off by default costs nothing."""

    forwarded: bool = False
    """The worker gets RFC 7239's Forwarded."""
    request_id: str = ""
    """The field by which worker and client get the request's id; empty: none."""
    trace: bool = False
    """The worker gets a traceparent (W3C Trace Context), begun where there is none."""
    spans: bool = False
    """It is our own span's: they are recorded (model.tracing)."""
    server_timing: bool = False
    """The client gets a Server-Timing."""
