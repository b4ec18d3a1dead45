"""The CORS protocol of the Fetch standard (sections 3.3 and 4.8), as field lines.

What an origin may do depends on nothing but the origin, so it is worked out once for each. An
origin that is not listed gets no word of permission, on no answer, and no answer that a cache might
give to another one: all say that they vary by it.
"""

import re
from collections.abc import Sequence

from webqx_supervisor.core.remembered import Remembered
from webqx_supervisor.core.wire.headers import TOKEN
from webqx_supervisor.model.filters import Cors

MEMORY = 1024
"""Origins whose lines are kept, in each of two generations."""
LONGEST = 256
"""Octets of an origin that is kept: a host's name has 253 at most, but anybody may send more."""

STRIPPED = (b"access-control-*",)
"""What of a worker's answer never passes: there is one who speaks for the route."""

_ANY = "*"
_NAMES = re.compile(rb"[\t ]*+" + TOKEN + rb"[\t ]*+(?:,[\t ]*+" + TOKEN + rb"[\t ]*+)*").fullmatch
_NAME = re.compile(TOKEN).fullmatch
_VARY = b"Vary: Origin\r\n"


class CorsRules:
    """One policy, ready for the question."""

    def __init__(self, policy: Cors) -> None:
        self._policy = policy
        self._anybody = _ANY in policy.origins
        self._exact = {origin.lower().encode() for origin in policy.origins if "*" not in origin}
        self._below = [
            _split(origin.lower().encode()) for origin in policy.origins if "//*." in origin
        ]
        self._granted = self._grants()
        self._known: Remembered[bytes, bytes] = Remembered(MEMORY)

    def lines(self, origin: bytes | None) -> bytes:
        """Return what every answer to a request from this origin says; None: it names none."""
        if origin is None:
            return b"" if self._anybody else _VARY
        known = self._known.get(origin)
        if known is None:
            known = self._lines(origin)
            if len(origin) <= LONGEST:
                self._known.put(origin, known)
        return known

    def preflight(self, origin: bytes, method: bytes, headers: bytes, private: bool) -> bytes:
        """Return what the answer to a preflight says beside `lines`; b"" for an origin not listed.

        `method` and `headers` are what is asked for, `private` that a page of the public network
        asks for one at home.
        """
        if not self.allows(origin):
            return b""
        policy = self._policy
        parts = [_list("Methods", policy.methods, method if _NAME(method) else b"")]
        parts.append(_list("Headers", policy.headers, headers if _NAMES(headers) else b""))
        if private:
            parts.append(b"Access-Control-Allow-Private-Network: true\r\n")
        parts.append(b"Access-Control-Max-Age: %d\r\n" % policy.max_age)
        parts.append(b"Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n")
        return b"".join(parts)

    def allows(self, origin: bytes) -> bool:
        """Say whether an origin is listed; "null", as files and sandboxed pages say, is a name."""
        lower = origin.lower()
        if self._anybody or lower in self._exact:
            return True
        return any(
            lower.startswith(scheme)
            and lower.endswith(rest)
            and _is_label_path(lower, scheme, rest)
            for scheme, rest in self._below
        )

    def _lines(self, origin: bytes) -> bytes:
        if self._anybody:
            return b"Access-Control-Allow-Origin: *\r\n" + self._granted
        if not self.allows(origin):
            return _VARY
        return b"Access-Control-Allow-Origin: %b\r\n" % origin + self._granted + _VARY

    def _grants(self) -> bytes:
        lines = b""
        if self._policy.credentials:
            lines += b"Access-Control-Allow-Credentials: true\r\n"
        if self._policy.expose:
            names = ", ".join(self._policy.expose).encode()
            lines += b"Access-Control-Expose-Headers: %b\r\n" % names
        return lines


def _split(origin: bytes) -> tuple[bytes, bytes]:
    scheme, _, rest = origin.partition(b"*")
    return scheme, rest


def _is_label_path(origin: bytes, scheme: bytes, rest: bytes) -> bool:
    """Say whether what stands for the star are labels of a host, and nothing else."""
    labels = origin[len(scheme) : len(origin) - len(rest)]
    return bool(labels) and all(
        label and label.replace(b"-", b"").isalnum() for label in labels.split(b".")
    )


def _list(what: str, allowed: Sequence[str], asked: bytes) -> bytes:
    """Name what is allowed; a star means nothing beside credentials, it becomes what is asked."""
    value = asked if _ANY in allowed else ", ".join(allowed).encode()
    return b"Access-Control-Allow-%b: %b\r\n" % (what.encode(), value) if value else b""
