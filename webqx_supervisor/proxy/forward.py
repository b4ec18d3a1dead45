"""A request on its way to a worker, and to another one if the first gives no answer.

It goes elsewhere only when nothing can be done twice by that: nothing of it was sent, or its
method is idempotent (core.retry). While no worker accepts, it waits for one.
"""

from webqx_supervisor.core.retry import IDEMPOTENT, may_retry
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.proxy.attempt import Attempt
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.reach import reach
from webqx_supervisor.proxy.refusal import Refused, Unanswered, Unreachable
from webqx_supervisor.proxy.upstreams import Group, LiveUpstream


async def forward(exchange: Exchange, group: Group) -> None:
    """Carry a request to one of the group and the answer back.

    Raises Refused while the client has got nothing of an answer, Cut later, Broken when the
    client is gone.
    """
    reactor = exchange.gateway.reactor
    attempts = 0
    until = reactor.now + group.forwarding.queue_timeout
    while True:
        upstream = await group.claim(until)
        exchange.upstream = upstream.id
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
            if failure.sent:
                until = reactor.now + group.forwarding.queue_timeout
            exchange.retries += 1
        else:
            return


async def _attempt(exchange: Exchange, group: Group, upstream: LiveUpstream) -> None:
    gateway = exchange.gateway
    channel: Channel | None = None
    reusable = False
    try:
        channel = upstream.pool.take(repeatable=_is_repeatable(exchange))
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
        gateway.upstreams.release(upstream, answered=exchange.status != 0)


def _is_repeatable(exchange: Exchange) -> bool:
    whole = exchange.upload is None or (exchange.upload.finished and exchange.upload.replayable)
    return whole and exchange.head.method in IDEMPOTENT


def _may_retry(exchange: Exchange, failure: Unanswered, attempts: int) -> bool:
    return may_retry(
        exchange.head.method,
        sent=failure.sent,
        replayable=exchange.upload is None or exchange.upload.replayable,
        attempts=attempts,
    )
