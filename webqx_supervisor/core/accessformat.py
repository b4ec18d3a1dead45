r"""From a format to the lines of an access log; the names of variables are nginx'.

Whatever a client has sent is escaped as nginx does it: `"`, `\` and all that is no visible ASCII
become \xXX for each octet, so no request can write a line, or a field, that is not its own. Where
there is nothing to say stands `-`. `common` and `combined` are those of the Apache HTTP server's
mod_log_config.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from webqx_supervisor.core.wire.edits import find_value

COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
COMBINED = COMMON + ' "$http_referer" "$http_user_agent"'
NAMED = {"common": COMMON, "combined": COMBINED}

NOTHING = "-"

_SAFE = re.compile(r"[ !#-\[\]-~]*").fullmatch
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))|\$")


@dataclass(slots=True)
class Facts:
    """What is known of one exchange. Octets are as they came; `ended` is Unix time."""

    ended: float
    seconds: float
    client: str
    method: bytes
    target: bytes
    minor: int
    """Of HTTP/1; -1 where no request could be read."""
    block: bytes
    """The whole head."""
    status: int
    sent: int
    upstream: str
    request_id: str
    trace: str
    retries: int
    reason: str
    claims: Mapping[str, Any] | None


Variable = Callable[[Facts], str]


def escaped(text: str) -> str:
    """Return a text of which no octet can end its field or its line; `-` for none."""
    if not text:
        return NOTHING
    if _SAFE(text):
        return text
    octets = text.encode("utf-8", "surrogatepass").decode("latin-1")
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02X}", octets)


def _octets(value: bytes) -> str:
    text = value.decode("latin-1")
    if not text:
        return NOTHING
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02X}", text)


def user(claims: Mapping[str, Any] | None) -> str:
    """Return who asks, as far as that is proven; "" for nobody."""
    subject = claims.get("sub") if claims is not None else None
    return subject if isinstance(subject, str) else "" if subject is None else json.dumps(subject)


def service(upstream: str) -> str:
    """Return the service of an upstream, "" for none."""
    return upstream.partition(":")[0]


@lru_cache(maxsize=4)
def _local(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


@lru_cache(maxsize=4)
def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso(at: float) -> str:
    """Return Unix time as ISO 8601 in UTC, to the millisecond."""
    milliseconds = int(at * 1000)
    return f"{_iso(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


def _protocol(facts: Facts) -> str:
    return f"HTTP/1.{facts.minor}" if facts.minor >= 0 else NOTHING


def _request(facts: Facts) -> str:
    if facts.minor < 0:
        return _octets(facts.method)
    return f"{_octets(facts.method)} {_octets(facts.target)} {_protocol(facts)}"


VARIABLES: dict[str, Variable] = {
    "remote_addr": lambda facts: escaped(facts.client),
    "remote_user": lambda facts: escaped(user(facts.claims)).replace(" ", "\\x20"),
    "time_local": lambda facts: _local(int(facts.ended)),
    "time_iso8601": lambda facts: iso(facts.ended),
    "msec": lambda facts: f"{facts.ended:.3f}",
    "request": _request,
    "request_method": lambda facts: _octets(facts.method),
    "request_uri": lambda facts: _octets(facts.target),
    "uri": lambda facts: _octets(facts.target.partition(b"?")[0]),
    "args": lambda facts: _octets(facts.target.partition(b"?")[2]),
    "server_protocol": _protocol,
    "host": lambda facts: _octets(find_value(facts.block, b"host") or b""),
    "status": lambda facts: f"{facts.status:03}",
    "body_bytes_sent": lambda facts: str(facts.sent),
    "request_time": lambda facts: f"{facts.seconds:.3f}",
    "request_id": lambda facts: escaped(facts.request_id),
    "trace_id": lambda facts: escaped(facts.trace),
    "upstream": lambda facts: escaped(facts.upstream),
    "service": lambda facts: escaped(service(facts.upstream)),
    "retries": lambda facts: str(facts.retries),
    "reason": lambda facts: escaped(facts.reason),
}
"""All but `http_NAME`, the header of that name with `_` for `-`."""


def variables(text: str) -> list[str]:
    """Return the names in a format. Raises ValueError for a lone `$`."""
    found = []
    for match in _VARIABLE.finditer(text):
        name = match[1] or match[2]
        if name is None:
            raise ValueError(f"there is a `$` without a name at character {match.start() + 1}")
        found.append(name)
    return found


def is_variable(name: str) -> bool:
    """Say whether there is such a variable."""
    return name in VARIABLES or (name.startswith("http_") and len(name) > len("http_"))


def formatter(text: str) -> Callable[[Facts], str]:
    """Return what makes a line, with its end, by a format that is right."""
    if text == "json":
        return _json
    text = NAMED.get(text, text)
    parts: list[Variable] = []
    template, place = "", 0
    for match in _VARIABLE.finditer(text):
        template += _literal(text[place : match.start()]) + "%s"
        parts.append(_variable(match[1] or match[2]))
        place = match.end()
    template += _literal(text[place:]) + "\n"
    return lambda facts: template % tuple([part(facts) for part in parts])


def _literal(text: str) -> str:
    return text.replace("%", "%%").replace("\n", " ")


def _variable(name: str) -> Variable:
    known = VARIABLES.get(name)
    if known is not None:
        return known
    header = name.removeprefix("http_").replace("_", "-").lower().encode()
    return lambda facts: _octets(find_value(facts.block, header) or b"")


def _json(facts: Facts) -> str:
    def header(name: bytes) -> str:
        return (find_value(facts.block, name) or b"").decode("latin-1")

    record = {
        "time": iso(facts.ended),
        "client": facts.client,
        "user": user(facts.claims),
        "method": facts.method.decode("latin-1"),
        "target": facts.target.decode("latin-1"),
        "host": header(b"host"),
        "protocol": f"HTTP/1.{facts.minor}" if facts.minor >= 0 else "",
        "status": facts.status,
        "bytes": facts.sent,
        "duration_ms": round(facts.seconds * 1000, 1),
        "service": service(facts.upstream),
        "upstream": facts.upstream,
        "request_id": facts.request_id,
        "trace_id": facts.trace,
        "retries": facts.retries,
        "reason": facts.reason,
        "referer": header(b"referer"),
        "user_agent": header(b"user-agent"),
    }
    return json.dumps(record, separators=(",", ":")) + "\n"
