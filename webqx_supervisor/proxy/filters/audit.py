"""Has it recorded who accessed what: never a query, never a body."""

import json
import time
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from webqx_supervisor.core.claims import find
from webqx_supervisor.core.redaction import GONE, PathRedactor
from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.model.audit import AccessAudit, OnFailure
from webqx_supervisor.model.gateway import Route
from webqx_supervisor.proxy.accesslog import stamp
from webqx_supervisor.proxy.exchange import CLIENT_WENT_AWAY, Exchange
from webqx_supervisor.proxy.refusal import Refused

LONGEST = 512
"""Characters of a subject that are recorded."""


class AuditFilter:
    """Stands first on its route, so that whoever is refused is recorded as well."""

    def __init__(self, policy: AccessAudit, route: Route) -> None:
        self._policy = policy
        self._refuses = policy.on_failure is OnFailure.REFUSE
        self._paths = PathRedactor(each for each in policy.redact if each.startswith("/"))
        self._gone = frozenset(each for each in policy.redact if not each.startswith("/"))
        name = route.name or route.pattern or f"{route.host or ''}{route.path}"
        self._where = f'"service":{quoted(route.service)},"route":{quoted(name)}'

    def ask(self, exchange: Exchange) -> None:
        """Let a request pass, and note that its end is to be recorded. Raises Refused (503)."""
        if self._refuses and exchange.gateway.audit.failing:
            raise Refused(503, "what is asked for cannot be recorded", b"Retry-After: 5\r\n")
        for ending in exchange.endings or ():
            if isinstance(ending, _Ending):  # it was held, and has another way now
                ending.by = self
                return
        exchange.at_end(_Ending(exchange, self))

    def begin(self, exchange: Exchange) -> None:
        """Record the beginning of what may go on for days; asked when all others let it pass."""
        head = exchange.head
        if head.upgrade or b"text/event-stream" in (find_value(head.block, b"accept") or b""):
            self._write(exchange, '"phase":"begin",', "")

    def record(self, exchange: Exchange) -> None:
        """Record an exchange that is over."""
        status = exchange.status or CLIENT_WENT_AWAY
        reason = "" if "reason" in self._gone else exchange.reason
        why = f',"reason":{quoted(reason)}' if reason else ""
        self._write(exchange, "", f',"status":{status}{why}')

    def _write(self, exchange: Exchange, phase: str, outcome: str) -> None:
        now = time.time() - (exchange.gateway.reactor.now - exchange.began)
        second = int(now)
        gone = self._gone
        path = GONE if "path" in gone else self._paths.redacted(exchange.head.path)
        line = (
            f'{{"time":"{stamp(second)}.{int((now - second) * 1000):03}Z","kind":"access",{phase}'
            f'{self._where},"client":{quoted(GONE if "client" in gone else exchange.ip)}'
            f"{self._who(exchange)}"
            f',"method":{quoted(exchange.head.method.decode("latin-1"))},"path":{quoted(path)}'
            f'{outcome},"request_id":{quoted(exchange.request_id())}}}\n'
        )
        exchange.gateway.audit.write(line.encode())

    def _who(self, exchange: Exchange) -> str:
        """Return what is known of who asks; an issuer's subjects are its own (OpenID Core 5.7)."""
        claims = exchange.claims
        if claims is None:
            return ""
        if "subject" in self._gone:
            return f',"subject":"{GONE}"'
        said = f',"subject":{_text(find(claims, self._policy.subject))}'
        issuer = claims.get("iss")
        return said if issuer is None else f'{said},"issuer":{_text(issuer)}'


class _Ending:
    """Has an exchange recorded once, by the filter of its last way."""

    __slots__ = ("_exchange", "by")

    def __init__(self, exchange: Exchange, by: AuditFilter) -> None:
        self._exchange = exchange
        self.by = by

    def __call__(self) -> None:
        self.by.record(self._exchange)


def _text(value: Any) -> str:
    if value is None:
        return '""'
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return quoted(text[:LONGEST])
