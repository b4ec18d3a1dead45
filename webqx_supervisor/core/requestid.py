"""Which request ids of others are taken over."""

import re

LONGEST = 128

# No blank, comma or slash, so that it is one word of a log, and what comes behind it is apart.
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+=@~-]{0,%d}" % (LONGEST - 1)).fullmatch


def is_request_id(value: bytes) -> bool:
    """Say whether this may stand in headers, pages and logs as the id of a request."""
    return _ID(value) is not None
