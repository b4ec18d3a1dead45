"""W3C Trace Context: which traceparent is passed on, how one begins, and what is recorded."""

import re
from dataclasses import dataclass

RANDOM = 24
"""Random octets that a new traceparent takes."""
FIELDS = (b"traceparent", b"tracestate")

_NO_TRACE, _NO_PARENT = "0" * 32, "0" * 16  # sections 3.2.2.3 and 3.2.2.4
_SAMPLED = 1  # section 3.2.2.5.1
# Version, trace, parent, flags; a later version may have more behind another dash (section 3.2.4).
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.DOTALL,
).fullmatch


@dataclass(frozen=True, slots=True)
class Parent:
    """Who asks, as a traceparent says it: the trace and the span in it, in hexadecimal digits."""

    trace: str
    span: str
    sampled: bool
    """It says that it records the trace itself."""


def parent_of(lines: bytes) -> Parent | None:
    """Return what the one well-formed traceparent among whole field lines says; None: none does."""
    lower = b"\n" + lines.lower()
    at = lower.find(b"\ntraceparent:")
    if at < 0 or lower.find(b"\ntraceparent:", at + 1) >= 0:
        return None
    return read_traceparent(lines[at + len("traceparent: ") : lines.find(b"\r", at)])


def read_traceparent(value: bytes) -> Parent | None:
    """Return what a traceparent says, None if it is malformed."""
    match = _TRACEPARENT(value)
    if match is None or (match[1] == b"00" and match[5] is not None):
        return None
    sampled = bool(int(match[4], 16) & _SAMPLED)
    return Parent(str(match[2], "ascii"), str(match[3], "ascii"), sampled)


def begin(random: bytes) -> Parent:
    """Return the beginning of a new trace, made of RANDOM octets.

    It says that the trace is sampled: a worker that goes by its parent's word would else record
    nothing at all.
    """
    digits = random.hex()
    trace, span = digits[:32], digits[32:48]
    if trace == _NO_TRACE or span == _NO_PARENT:
        return begin(b"\1" * RANDOM)
    return Parent(trace, span, sampled=True)


def traceparent(trace: str, span: str, *, sampled: bool) -> bytes:
    """Return the whole field line that says so."""
    return f"traceparent: 00-{trace}-{span}-{sampled:02x}\r\n".encode()


def is_chosen(trace: str, share: float) -> bool:
    """Say whether a trace is among the share that is recorded.

    Goes by the trace alone, as OpenTelemetry's TraceIdRatioBased does, so that all who record the
    same share of the traces record the same ones.
    """
    return int(trace[16:], 16) < round(share * (1 << 64))
