# cython: annotation_typing=True
"""A request on its way to a worker, and to another one if the first gives no answer.

It goes elsewhere only when nothing can be done twice by that: no worker has read any of it, or its
method is idempotent (core.retry). While no worker accepts, it waits for one.
"""

from functools import partial

from webqx_supervisor.core.retry import may_retry
from webqx_supervisor.proxy import losses
from webqx_supervisor.proxy.attempt import Attempt
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Elsewhere, Group, Wish
from webqx_supervisor.proxy.refusal import Cut, Dropped, Failed, Refused, Unanswered, Unreachable
from webqx_supervisor.proxy.tries import Tries
from webqx_supervisor.proxy.upstream import LiveUpstream
from webqx_supervisor.proxy.way import Way


async def forward(exchange: Exchange, way: Way) -> None:
    """Carry a request to a worker of the service that its way leads to, and the answer back.

    Raises Refused while the client has got nothing of an answer, Cut later, Broken when the
    client is gone.
    """
    gateway = exchange.gateway
    reactor = gateway.reactor
    group = gateway.group(way.route)
    tries = None if way.retry is None else Tries(way.retry, exchange, group, reactor)
    attempts = 0
    until = reactor.now + group.forwarding.queue_timeout
    wish = group.wish(exchange.head, exchange.ip) if group.wishful else None
    while True:
        if group.watched:
            losses.judge(exchange, group)
        upstream = group.claim_now(wish)
        if upstream is None:
            group, wish, upstream = await _wait_for_one(exchange, way, group, until, wish)
        exchange.upstream = upstream.id
        exchange.worker = upstream.meter
        if exchange.timing is not None:
            exchange.timing.claimed(reactor.now)
        if wish is not None:
            exchange.led = group.lead_back(wish, upstream)
        attempt = Attempt(exchange, group, upstream, tries, way.response_timeout)
        try:
            await attempt.run()
        except (Unanswered, Failed, Dropped, Cut) as failure:
            # A refused connect is no attempt: how long to go on with those, `until` says.
            attempts += not isinstance(failure, Unreachable)
            await _brace(exchange, attempt, failure, attempts, tries)
            if not isinstance(failure, Unreachable):  # what a worker took was no time in the queue
                until = reactor.now + group.forwarding.queue_timeout
        else:
            if group.watched:
                losses.clear(exchange, group)
            return
        finally:
            attempt.end()
        exchange.retries += 1
        wish = wish or Wish()
        wish.tried.append(upstream)
        group, wish = _choose_group(exchange, way, group, wish)


async def _wait_for_one(
    exchange: Exchange, way: Way, group: Group, until: float, wish: Wish | None
) -> tuple[Group, Wish | None, LiveUpstream]:
    """Claim one of the group, or of the one that serves its requests by then. Raises Refused."""
    if way.backup is None:
        return group, wish, await group.claim(until, wish)
    gateway = exchange.gateway
    while True:
        try:
            upstream = await group.claim(until, wish, partial(gateway.leads_away, way.route, group))
        except Elsewhere:
            group, wish = _choose_group(exchange, way, group, wish)
        else:
            return group, wish, upstream


def _choose_group(
    exchange: Exchange, way: Way, group: Group, wish: Wish | None
) -> tuple[Group, Wish | None]:
    """Return the group that the request goes to now, and what it asks for there."""
    there = group if way.backup is None else exchange.gateway.group(way.route)
    if there is group:
        return group, wish
    wish_there = there.wish(exchange.head, exchange.ip) if there.wishful else None
    if wish is not None:
        wish_there = wish_there or Wish()
        wish_there.tried = wish.tried
    return there, wish_there


async def _brace(
    exchange: Exchange,
    attempt: Attempt,
    failure: Unanswered | Failed | Dropped | Cut,
    attempts: int,
    tries: Tries | None,
) -> None:
    """Return when another attempt may be made. Raises Refused if none may, and Cut."""
    if exchange.spans is not None:
        exchange.spans.failed(exchange, failure)
    if exchange.worker is not None:
        exchange.worker.failed()
    if isinstance(failure, Dropped):
        return
    if not isinstance(failure, Unanswered):
        attempt.blame()
        if isinstance(failure, Cut) or tries is None or not tries.after_failure(failure, attempts):
            raise failure
        return
    attempt.broke(failure)
    if not isinstance(failure, Unreachable):
        losses.note(exchange)
    if not _may_follow(exchange, failure, attempts, tries):
        reason = f"worker {exchange.upstream}: {failure.reason}"
        raise Refused(502, reason) from failure
    if attempts > 1 and not isinstance(failure, Unreachable):
        await exchange.gateway.reactor.sleep(losses.VERDICT_TIME)


def _may_follow(
    exchange: Exchange, failure: Unanswered, attempts: int, tries: Tries | None
) -> bool:
    if tries is not None:
        return tries.after_break(failure, attempts)
    return may_retry(
        exchange.head.method,
        read=failure.read,
        replayable=exchange.upload is None or exchange.upload.replayable,
        attempts=attempts,
    )
