"""The breaker of one upstream in one proxy, with the tickets of those that are on their way to it.

A breaker is this proxy's own: another one may find the same worker well, as its requests may be
others. The daemon hears of every move.
"""

import random
from collections.abc import Callable

from webqx_supervisor.core.breaker import UNCOUNTED, Breaker
from webqx_supervisor.model import resilience
from webqx_supervisor.model.resilience import BreakerState
from webqx_supervisor.net.reactor import Reactor

Moved = Callable[[str, BreakerState, str], None]
"""Is told the upstream's id, the new state, and why."""


class Guard:
    """Calls `changed` when other requests may go there than before."""

    __slots__ = (
        "_breaker",
        "_changed",
        "_moved",
        "_over",
        "_reactor",
        "_slow_after",
        "_statuses",
        "_tickets",
        "_upstream",
        "policy",
    )

    def __init__(
        self,
        reactor: Reactor,
        upstream: str,
        policy: resilience.Breaker,
        changed: Callable[[], None],
        moved: Moved,
    ) -> None:
        self.policy = policy
        self._breaker = Breaker(policy, random.random)
        self._changed = changed
        self._moved = moved
        self._over = False
        self._reactor = reactor
        self._slow_after = policy.slow_after
        self._statuses = frozenset(policy.statuses)
        # One for each claim that nobody has begun to use; they are all alike to those who claim.
        self._tickets: list[int] = []
        self._upstream = upstream

    @property
    def state(self) -> BreakerState:
        """The state of the breaker."""
        return self._breaker.state

    @property
    def ejected(self) -> bool:
        """Whether the upstream is to get no request now."""
        return self._breaker.ejected

    @property
    def badness(self) -> float:
        """How bad it was, from 0 to 1, if it is ejected."""
        return self._breaker.badness

    def enter(self) -> bool:
        """Count in a claim; say whether it was the last one that is let through for now."""
        before = self._breaker.ejected
        self._tickets.append(self._breaker.enter())
        return self._breaker.ejected and not before

    def take(self) -> "Pass":
        """Return what a claim has let through; one from before this guard counts nothing."""
        return Pass(self, self._tickets.pop() if self._tickets else UNCOUNTED, self._reactor.now)

    def answered(self, ticket: int, status: int, asked_at: float) -> None:
        """Take in an answer; the status 0 is always a good one."""
        now = self._reactor.now
        slow = self._slow_after > 0 and now - asked_at > self._slow_after
        if self._breaker.settle(ticket, now, status in self._statuses, slow):
            self._tell()

    def failed(self, ticket: int) -> None:
        """Take in that there was no answer, by the upstream's fault."""
        if self._breaker.settle(ticket, self._reactor.now, True, False):
            self._tell()

    def broke(self, ticket: int) -> None:
        """Take in that what had been counted as an answer was not one after all."""
        if self._breaker.broke(ticket, self._reactor.now):
            self._tell()

    def forget(self, ticket: int) -> None:
        """Take in that nothing can be said of a request."""
        if self._breaker.forget(ticket):
            self._changed()

    def retire(self) -> None:
        """Say nothing more: the upstream is gone, or follows another policy."""
        self._over = True

    def _tell(self) -> None:
        if self._over:
            return
        self._moved(self._upstream, self._breaker.state, self._breaker.reason)
        if self._breaker.state is BreakerState.OPEN:
            self._reactor.spawn(self._rest())
        self._changed()

    async def _rest(self) -> None:
        reactor, breaker = self._reactor, self._breaker
        while not self._over and not breaker.try_again(reactor.now):
            await reactor.sleep(breaker.until - reactor.now)
        self._tell()


class Pass:
    """One request on its way through a guard, asked at a time of the reactor's clock."""

    __slots__ = ("_guard", "_judged", "_ticket", "asked_at", "kept")

    def __init__(self, guard: Guard, ticket: int, now: float) -> None:
        self.asked_at = now
        self.kept = False
        """Its connection has carried other requests before."""
        self._guard = guard
        self._judged = False
        self._ticket = ticket

    def answered(self, status: int = 0) -> None:
        """Take in the head of an answer; over TCP, without a status, an accepted connection."""
        self._judged = True
        self._guard.answered(self._ticket, status, self.asked_at)

    def failed(self, *, broke: bool) -> None:
        """Take in that there was no answer, or that it broke off.

        If what `broke` is a kept connection, the worker may only have ended an idle one: that says
        nothing.
        """
        if self._judged:
            self._guard.broke(self._ticket)
        elif not (broke and self.kept):
            self._judged = True
            self._guard.failed(self._ticket)

    def end(self) -> None:
        """Let another request through instead, if nothing is known of this one."""
        if not self._judged:
            self._judged = True
            self._guard.forget(self._ticket)


def guarded(
    guard: Guard | None,
    reactor: Reactor,
    upstream: str,
    policy: resilience.Breaker | None,
    changed: Callable[[], None],
    moved: Moved,
) -> Guard | None:
    """Return the guard of an upstream under this policy: the one it has, a new one, or none."""
    if guard is not None and guard.policy == policy:
        return guard
    if guard is not None:
        guard.retire()
    return None if policy is None else Guard(reactor, upstream, policy, changed, moved)
