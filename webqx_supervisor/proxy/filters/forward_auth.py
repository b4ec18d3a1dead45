"""Another service says who may pass: it is asked first, with the head of the request."""

from webqx_supervisor.core.wire.edits import field_lines, stripper
from webqx_supervisor.core.wire.lines import values
from webqx_supervisor.core.wire.messages import RequestHead, ResponseHead
from webqx_supervisor.model.auth import ForwardAuth
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.refusal import Refused, Settled
from webqx_supervisor.proxy.subrequest import subrequest

BODY_LIMIT = 64 * 1024
"""Octets of the answer of a service that refuses."""

_PASSED_ON = (b"www-authenticate", b"location", b"set-cookie")
# What is said of a body that does not go along, and what makes an answer depend on a copy.
_NOT_ASKED = stripper(
    [b"content-*", b"if-*", b"range", b"accept-encoding", b"upgrade-insecure-requests"]
)


class ForwardAuthFilter:
    """One service, and where it is asked."""

    def __init__(self, policy: ForwardAuth) -> None:
        self._policy = policy
        self._path = policy.path.encode()
        self._names = [(name, name.lower().encode() + b":") for name in policy.headers]

    async def ask(self, exchange: Exchange) -> None:
        """Let a request pass if the service answers 2xx.

        Raises Settled with the answer of a service that does not, Refused without an answer.
        """
        group = exchange.gateway.upstreams.group(self._policy.service)
        if group is None:
            raise Refused(503, f"service {self._policy.service} is not known here")
        answer, body = await subrequest(exchange, group, self._question(exchange), BODY_LIMIT)
        if not 200 <= answer.status < 300:
            raise _as_answer(answer, body)
        for name, begin in self._names:
            said = (each.decode("latin-1") for each in values(answer.block, begin))
            exchange.head.kept += field_lines((name, each) for each in said)

    def _question(self, exchange: Exchange) -> RequestHead:
        """Return the head that the service gets: all that the worker would, and what is asked."""
        head = exchange.head
        assert _NOT_ASKED is not None, "there are names"
        kept = _NOT_ASKED(head.kept) + (
            b"X-Forwarded-Method: %b\r\nX-Forwarded-Uri: %b\r\n" % (head.method, exchange.target)
        )
        return RequestHead(
            method=b"GET",
            target=self._path,
            path=self._policy.path,
            host=head.host,
            authority=head.authority,
            minor=head.minor,
            kept=kept,
            block=head.block,
            length=0,
            keep_alive=True,
            expects_continue=False,
            upgrade=b"",
            via_self=False,
        )


def _as_answer(answer: ResponseHead, body: bytes) -> Settled:
    lines = b"".join(
        b"%b: %b\r\n" % (name, value)
        for name, value in answer.headers
        if name.lower() in _PASSED_ON
    )
    kind = next(iter(values(answer.block, b"content-type:")), b"")
    return Settled(answer.status, lines + b"Cache-Control: no-store\r\n", body, kind)
