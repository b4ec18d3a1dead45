"""What may still be tried for one request whose route says more of retries than is done anyway."""

from webqx_supervisor.core.retry import IDEMPOTENT, may_retry
from webqx_supervisor.model.resilience import Retry
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.refusal import Failed, Unanswered, Unreachable


class Tries:
    """Begins with the request, which counts for the budget of its `group`.

    `attempts` are always those that have failed so far, the latest included.
    """

    __slots__ = ("_attempts", "_began", "_budget", "_exchange", "_policy", "_reactor")

    def __init__(self, policy: Retry, exchange: Exchange, group: Group, reactor: Reactor) -> None:
        self._attempts = 0
        self._began = reactor.now
        self._budget = group.budget
        self._exchange = exchange
        self._policy = policy
        self._reactor = reactor
        self._budget.asked(reactor.now)

    def after_break(self, failure: Unanswered, attempts: int) -> bool:
        """Say whether the request may go elsewhere after a worker broke off, or did not accept.

        The first time that costs nothing and is never too late: a worker that dies takes along what
        it has in flight, and for each of those it is one more request, never more.
        """
        exchange, policy = self._exchange, self._policy
        self._attempts = attempts
        allowed = may_retry(
            exchange.head.method,
            read=failure.read,
            replayable=exchange.upload is None or exchange.upload.replayable,
            attempts=attempts,
            limit=policy.attempts,
        )
        return allowed and (attempts < 2 or isinstance(failure, Unreachable) or self._pay())

    def after_failure(self, failure: Failed, attempts: int) -> bool:
        """Say the same after a worker's silence, or nonsense."""
        self._attempts = attempts
        wanted = self._policy.invalid if failure.invalid else self._policy.timeout
        return wanted and attempts < self._policy.attempts and self._may_repeat()

    def instead_of(self, status: int) -> bool:
        """Say whether the request goes elsewhere instead of being answered with this status."""
        if status not in self._policy.statuses or self._attempts + 1 >= self._policy.attempts:
            return False
        if not self._may_repeat():
            return False
        self._attempts += 1
        return True

    def _may_repeat(self) -> bool:
        """Say whether a request that a worker has read may be sent again."""
        exchange = self._exchange
        whole = exchange.upload is None or exchange.upload.replayable
        if exchange.status or not whole or exchange.head.method not in IDEMPOTENT:
            return False
        return self._pay()

    def _pay(self) -> bool:
        """Say whether it is early enough, and the budget allows for it."""
        now, policy = self._reactor.now, self._policy
        if policy.time and now - self._began >= policy.time:
            return False
        return self._budget.take(now, policy.budget)
