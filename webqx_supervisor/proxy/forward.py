# cython: annotation_typing=True
"""A request on its way to a worker, and to another one if the first gives no answer.

It goes elsewhere only when nothing can be done twice by that: no worker has read any of it, or its
method is idempotent (core.retry). While no worker accepts, it waits for one.
"""

from webqx_supervisor.core.retry import may_retry
from webqx_supervisor.proxy import losses
from webqx_supervisor.proxy.attempt import Attempt
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Group, Wish
from webqx_supervisor.proxy.refusal import Refused, Unanswered, Unreachable


async def forward(exchange: Exchange, group: Group) -> None:
    """Carry a request to one of the group and the answer back.

    Raises Refused while the client has got nothing of an answer, Cut later, Broken when the
    client is gone.
    """
    reactor = exchange.gateway.reactor
    attempts = 0
    until = reactor.now + group.forwarding.queue_timeout
    wish = group.wish(exchange.head, exchange.ip) if group.wishful else None
    while True:
        if group.watched:
            losses.judge(exchange, group)
        upstream = group.claim_now(wish)
        if upstream is None:
            upstream = await group.claim(until, wish)
        exchange.upstream = upstream.id
        if exchange.timing is not None:
            exchange.timing.claimed(reactor.now)
        if wish is not None:
            exchange.led = group.lead_back(wish, upstream)
        attempt = Attempt(exchange, group, upstream)
        try:
            await attempt.run()
        except Unanswered as failure:
            # What broke one connection has most likely broken the idle ones too.
            upstream.pool.clear()
            # A refused connect is no attempt: how long to go on with those, `until` says.
            attempts += not isinstance(failure, Unreachable)
            await _brace(exchange, failure, attempts)
            if not isinstance(failure, Unreachable):  # what a worker took was no time in the queue
                until = reactor.now + group.forwarding.queue_timeout
            exchange.retries += 1
            wish = wish or Wish()
            wish.tried.append(upstream)
        else:
            if group.watched:
                losses.clear(exchange, group)
            return
        finally:
            attempt.end()


async def _brace(exchange: Exchange, failure: Unanswered, attempts: int) -> None:
    """Return when another attempt may be made. Raises Refused if none may."""
    if not isinstance(failure, Unreachable):
        losses.note(exchange)
    if not may_retry(
        exchange.head.method,
        read=failure.read,
        replayable=exchange.upload is None or exchange.upload.replayable,
        attempts=attempts,
    ):
        reason = f"worker {exchange.upstream}: {failure.reason}"
        raise Refused(502, reason) from failure
    if attempts > 1 and not isinstance(failure, Unreachable):
        await exchange.gateway.reactor.sleep(losses.VERDICT_TIME)
