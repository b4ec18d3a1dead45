"""A request on its way to a worker, and to another one if the first gives no answer.

It goes elsewhere only when nothing can be done twice by that: no worker has read any of it, or its
method is idempotent (core.retry). While no worker accepts, it waits for one.
"""

from webqx_supervisor.core.retry import IDEMPOTENT, may_retry
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.sockdiag import DEAF
from webqx_supervisor.proxy.attempt import Attempt
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Group, Wish
from webqx_supervisor.proxy.reach import reach
from webqx_supervisor.proxy.refusal import Refused, Unanswered, Unreachable
from webqx_supervisor.proxy.upstream import LiveUpstream


async def forward(exchange: Exchange, group: Group) -> None:
    """Carry a request to one of the group and the answer back.

    Raises Refused while the client has got nothing of an answer, Cut later, Broken when the
    client is gone.
    """
    reactor = exchange.gateway.reactor
    attempts = 0
    until = reactor.now + group.forwarding.queue_timeout
    wish = group.wish(exchange.head, exchange.client.ip) if group.wishful else None
    while True:
        upstream = await group.claim(until, wish)
        exchange.upstream = upstream.id
        if wish is not None:
            exchange.extra = group.lead_back(wish, upstream)
        try:
            await _attempt(exchange, group, upstream)
        except Unanswered as failure:
            # What broke one connection has most likely broken the idle ones too.
            upstream.pool.clear()
            # A refused connect is no attempt: how long to go on with those, `until` says.
            attempts += not isinstance(failure, Unreachable)
            if not _may_retry(exchange, failure, attempts):
                reason = f"worker {upstream.id}: {failure.reason}"
                raise Refused(502, reason) from failure
            if not isinstance(failure, Unreachable):  # what a worker took was no time in the queue
                until = reactor.now + group.forwarding.queue_timeout
            exchange.retries += 1
            wish = wish or Wish()
            wish.tried.append(upstream)
        else:
            return


async def _attempt(exchange: Exchange, group: Group, upstream: LiveUpstream) -> None:
    gateway = exchange.gateway
    channel: Channel | None = None
    reusable = False
    try:
        whole = _is_whole(exchange)
        repeatable = whole and exchange.head.method in IDEMPOTENT
        provable = whole and not repeatable and gateway.destroyed.listen() != DEAF
        channel = upstream.pool.take(repeatable=repeatable, provable=provable)
        if channel is None:
            channel = await reach(gateway.reactor, group, upstream)
        reusable = await Attempt(exchange, group.forwarding, upstream, channel).run()
    finally:
        if channel is not None:
            upstream.end_endless(channel)
            if reusable and gateway.upstreams.keep(upstream):
                upstream.pool.put(channel)
            else:
                channel.close()
        # A status by now is the worker's own; the proxy's refusals are sent after the release.
        gateway.upstreams.release(group, upstream, answered=exchange.status != 0)


def _is_whole(exchange: Exchange) -> bool:
    """Say whether every octet of the request is at hand, however often it is to be sent."""
    return exchange.upload is None or (exchange.upload.finished and exchange.upload.replayable)


def _may_retry(exchange: Exchange, failure: Unanswered, attempts: int) -> bool:
    return may_retry(
        exchange.head.method,
        read=failure.read,
        replayable=exchange.upload is None or exchange.upload.replayable,
        attempts=attempts,
    )
