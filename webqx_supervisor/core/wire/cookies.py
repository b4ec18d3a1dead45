"""Cookies, as far as balancing needs them: RFC 6265 sections 4.1 and 4.2."""

import re
from collections.abc import Iterable

from webqx_supervisor.core.wire.headers import TOKEN

_NAME = re.compile(TOKEN)


def is_cookie_name(name: str) -> bool:
    """Say whether a cookie may be called so: a cookie's name is a token."""
    return name.isascii() and _NAME.fullmatch(name.encode()) is not None


def cookie(fields: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return the value of the first cookie of this name in a request; b"" if there is none.

    Names of cookies are case-sensitive. Quotes belong to the value.
    """
    for field, value in fields:
        if field.lower() == b"cookie":
            for pair in value.split(b";"):
                key, _, content = pair.partition(b"=")
                if key.strip(b" \t") == name:
                    return content.strip(b" \t")
    return b""


def set_cookie(name: str, value: bytes) -> bytes:
    """Return the line that has a client keep a cookie for as long as it runs.

    For every path of the host; hidden from scripts, and not sent along by other sites' forms.
    """
    return b"Set-Cookie: %b=%b; Path=/; HttpOnly; SameSite=Lax\r\n" % (name.encode(), value)
