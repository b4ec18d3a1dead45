"""What is told of a request and of its attempts as spans, in OpenTelemetry's words.

A span is a JSON object: `trace`, `span` and `parent` ("" for none) in hexadecimal digits, `kind`,
`name`, `begin` and `end` in ns of Unix time, `attributes`, and `error`: what went wrong, else "".
Names are those of the semantic conventions for HTTP, where there is one; `webqx.*` are our own.
No query and no field is told, but for the client's `User-Agent`.
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from dataclasses import dataclass, field
from typing import Any

from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.core.wire.messages import RequestHead

SERVER, CLIENT = "server", "client"
LONGEST = 1024
"""Characters of a value."""
METHODS = frozenset(
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"],
)
"""Those of RFC 9110 and RFC 5789; others could be any number of names."""
OTHER = "_OTHER"

ABANDONED = "abandoned"
CLIENT_GONE = "client_gone"
CUT = "cut"
INVALID = "invalid_answer"
TIMEOUT = "timeout"
UNANSWERED = "unanswered"
UNREACHABLE = "unreachable"
_NOBODYS = frozenset((ABANDONED, CLIENT_GONE))  # to go away is no error of who was asked

Span = dict[str, Any]


@dataclass(slots=True)
class Attempt:
    """One worker that was asked; times in s of the proxy's clock."""

    span: str
    worker: str
    host: str
    port: int
    method: bytes
    target: bytes
    retries: int
    """How many others were asked before, for the same."""
    began: float
    ended: float = 0.0
    """0: it goes on."""
    status: int = 0
    """Of its answer; 0: there was none."""
    fault: str = ""
    """The kind of what went wrong, if anything."""
    reason: str = ""


@dataclass(slots=True)
class Request:
    """One request and its answer; times in s of the proxy's clock."""

    trace: str
    span: str
    parent: str
    route: str
    service: str
    head: RequestHead
    target: bytes
    """As the client wrote it."""
    forwarded: bytes
    """The lines that tell a worker who asks."""
    client: str
    request_id: str
    began: float
    ended: float = 0.0
    status: int = 0
    sent: int = 0
    """Octets of the answer's body."""
    fault: str = ""
    reason: str = ""
    attempts: list[Attempt] = field(default_factory=list)


def spans(request: Request, offset: float) -> list[Span]:
    """Return its spans; `offset` makes Unix time of the proxy's clock."""
    own = _request(request, offset)
    return [own, *(_attempt(request, each, offset) for each in request.attempts)]


def _request(request: Request, offset: float) -> Span:
    head = request.head
    method, attributes = _method(head.method)
    host, _, port = head.authority.decode("latin-1").rpartition(":")
    if not port.isdecimal():
        host, port = head.authority.decode("latin-1"), ""
    scheme = find_value(request.forwarded, b"x-forwarded-proto") or b"http"
    attributes |= {
        "url.scheme": _text(scheme),
        "url.path": _text(request.target.partition(b"?")[0]),
        "http.route": request.route,
        "server.address": host[:LONGEST],
        "client.address": request.client,
        "network.protocol.version": f"1.{head.minor}",
        "webqx.service": request.service,
        "webqx.request_id": request.request_id,
    }
    if port:
        attributes["server.port"] = int(port[:5])
    agent = find_value(head.block, b"user-agent")
    if agent:
        attributes["user_agent.original"] = _text(agent)
    if request.sent:
        attributes["http.response.body.size"] = request.sent
    if request.reason:
        attributes["webqx.reason"] = request.reason[:LONGEST]
    # A client that asks for what is not there is no error of the server.
    fault = request.fault or (str(request.status) if request.status >= 500 else "")
    _outcome(attributes, request.status, fault)
    return {
        "trace": request.trace,
        "span": request.span,
        "parent": request.parent,
        "kind": SERVER,
        "name": f"{method} {request.route}",
        "begin": _ns(request.began, offset),
        "end": _ns(request.ended, offset),
        "attributes": attributes,
        "error": _error(fault, request.reason),
    }


def _attempt(request: Request, attempt: Attempt, offset: float) -> Span:
    method, attributes = _method(attempt.method)
    host = f"[{attempt.host}]" if ":" in attempt.host else attempt.host
    path = _text(attempt.target.partition(b"?")[0])
    attributes |= {
        "url.full": f"http://{host}:{attempt.port}{path}"[:LONGEST],
        "server.address": attempt.host,
        "server.port": attempt.port,
        "network.protocol.version": "1.1",
        "webqx.worker": attempt.worker,
    }
    if attempt.retries:
        attributes["http.request.resend_count"] = attempt.retries
    # To who asks an answer of 400 and more is an error, whoever's it is.
    fault = attempt.fault or (str(attempt.status) if attempt.status >= 400 else "")
    _outcome(attributes, attempt.status, fault)
    return {
        "trace": request.trace,
        "span": attempt.span,
        "parent": request.span,
        "kind": CLIENT,
        "name": method,
        "begin": _ns(attempt.began, offset),
        "end": _ns(attempt.ended, offset),
        "attributes": attributes,
        "error": _error(fault, attempt.reason),
    }


def _method(method: bytes) -> tuple[str, dict[str, Any]]:
    """Return what stands for it in a name, and the attributes that tell it."""
    text = method.decode("latin-1")
    if text in METHODS:
        return text, {"http.request.method": text}
    original = text[:LONGEST]
    return "HTTP", {"http.request.method": OTHER, "http.request.method_original": original}


def _outcome(attributes: dict[str, Any], status: int, fault: str) -> None:
    if status:
        attributes["http.response.status_code"] = status
    if fault:
        attributes["error.type"] = fault


def _error(fault: str, reason: str) -> str:
    """Return what went wrong, if anything did."""
    if not fault or fault in _NOBODYS:
        return ""
    return (reason or fault)[:LONGEST]


def _text(octets: bytes) -> str:
    return octets[:LONGEST].decode("latin-1")


def _ns(at: float, offset: float) -> int:
    return int((at + offset) * 1e9)
