"""Whether a request that saw no byte of an answer may go to another worker. Never a silent double.

The source is RFC 9110 section 9.2.2: a proxy must not by itself repeat a request whose method is
not idempotent. One that no worker can have read is not repeated, it is sent for the first time.
"""

IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))


def may_retry(
    method: bytes, *, read: bool, replayable: bool, attempts: int, limit: int = 10
) -> bool:
    """Say whether one more attempt is allowed after `attempts` that failed.

    `read`: a worker may have read some of it. False only where it is proven that none has, nor
    ever will, as after a refused connect. `replayable`: every byte of it is still in our hands.
    """
    return replayable and attempts < limit and (not read or method in IDEMPOTENT)
