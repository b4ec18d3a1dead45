"""W3C Trace Context: which traceparent is passed on, and how one begins."""

import re

RANDOM = 24
"""Random octets that a new traceparent takes."""
FIELDS = (b"traceparent", b"tracestate")

_NO_TRACE, _NO_PARENT = "0" * 32, "0" * 16  # sections 3.2.2.3 and 3.2.2.4
# Version, trace, parent, flags; a later version may have more behind another dash (section 3.2.4).
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?",
    re.DOTALL,
).fullmatch


def trace_id(traceparent: bytes) -> str:
    """Return the trace that a traceparent names, empty if it is malformed."""
    match = _TRACEPARENT(traceparent)
    if match is None or (match[1] == b"00" and match[3] is not None):
        return ""
    return str(match[2], "ascii")


def begin(random: bytes) -> tuple[str, bytes]:
    """Return a new trace made of RANDOM octets, and its traceparent.

    It says that the trace is sampled: a worker that goes by its parent's word would else record
    nothing at all.
    """
    digits = random.hex()
    trace, parent = digits[:32], digits[32:48]
    if trace == _NO_TRACE or parent == _NO_PARENT:
        return begin(b"\1" * RANDOM)
    return trace, f"00-{trace}-{parent}-01".encode()
