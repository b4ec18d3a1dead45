"""All upstreams of one service: who gets the next request, and who waits for a worker.

Who waits asks for nothing again: what becomes free is given to the first in the queue. So nobody
who comes later is served before.
"""

from collections import OrderedDict
from collections.abc import Callable

from webqx_supervisor.core.balancing.affinity import Affinity
from webqx_supervisor.core.balancing.candidate import Policy
from webqx_supervisor.core.balancing.policies import policy
from webqx_supervisor.core.breaker import admitted
from webqx_supervisor.core.budget import Budget
from webqx_supervisor.core.wire.cookies import cookie, set_cookie
from webqx_supervisor.core.wire.messages import RequestHead
from webqx_supervisor.model import gateway
from webqx_supervisor.model.gateway import Balance, Forwarding, UpstreamGroup
from webqx_supervisor.net.reactor import DeadlinePassed, Reactor, Task
from webqx_supervisor.proxy.line import Line
from webqx_supervisor.proxy.meters import QueueMeter
from webqx_supervisor.proxy.queuewatch import QueueWatch
from webqx_supervisor.proxy.refusal import Refused
from webqx_supervisor.proxy.upstream import LiveUpstream

REFUSAL_MEMORY = 0.1
"""s for which an upstream that refused a connection gets no other, unless a new table comes."""
LOOK = 0.5
"""s after which a proxy whose requests wait looks by itself whether a worker is free."""

_LATER = b"Retry-After: 1\r\n"
_UNKEYED = b""


class Elsewhere(Exception):  # noqa: N818 - where the request goes
    """Another group is to serve the request."""


class Wish:
    """What a request asks for beside a worker; most ask for nothing and have none.

    `key` is what a hash goes by, `home` the sticky cookie's value, `tried` where it has been.
    """

    __slots__ = ("home", "key", "tried")

    def __init__(self, key: bytes = _UNKEYED, home: bytes = b"") -> None:
        self.key = key
        self.home = home
        self.tried: list[LiveUpstream] = []


class Waiter:
    """A request in the queue, since a time of the reactor's clock; `granted` ends its waiting."""

    __slots__ = ("granted", "since", "task", "wish")

    def __init__(self, task: Task, since: float, wish: Wish | None) -> None:
        self.task = task
        self.since = since
        self.wish = wish
        self.granted: LiveUpstream | None = None


class Group:
    """The upstreams of one service. `seed` differs from proxy to proxy, so that they do too."""

    def __init__(
        self, reactor: Reactor, service: str, seed: int = 0, watch: QueueWatch | None = None
    ) -> None:
        self.service = service
        self.forwarding = Forwarding()
        self.up: list[LiveUpstream] = []
        """Those that new exchanges may go to."""
        self.waiting: OrderedDict[Waiter, None] = OrderedDict()
        self.wishful = False
        """Requests must be looked at before they claim."""
        self.serves = False
        """Somebody accepts and not all who do are ejected by their breakers, or it sleeps."""
        self.asleep = False
        """It has no worker before a request waits for one."""
        self.meter: QueueMeter | None = None
        """Counts who waits."""
        self.budget = Budget()
        """What retries of its requests are paid from."""
        self.suspects: frozenset[str] = frozenset()
        self.quarantined: frozenset[str] = frozenset()
        self.watched = False
        """There are requests that are suspect, or refused."""
        self._affinity = Affinity("client_ip")
        self._autoscaled = False
        self._available: list[LiveUpstream] = []
        self._balance = Balance()
        self._expecting = False
        self._guarded = False
        self._limit = 0
        self._line: Line | None = None
        self._looker: Task | None = None
        self._most_ejected = 0.0
        self._policy: Policy[LiveUpstream] = policy(self._balance, seed)
        self._reactor = reactor
        self._reason = ""
        self._seed = seed
        self._watch = watch

    def apply(self, group: UpstreamGroup, up: list[LiveUpstream], line: Line | None) -> None:
        """Take over what the table says; whoever waits gets what is there now."""
        if group.balance != self._balance:
            self._balance = group.balance
            self._policy = policy(group.balance, self._seed)
            self._affinity = Affinity(group.balance.hash_by)
        hashes = group.balance.policy is gateway.Policy.HASH
        self.wishful = hashes or bool(group.balance.sticky)
        self.forwarding = group.forwarding
        self.up = up
        self.suspects = frozenset(group.suspects)
        self.quarantined = frozenset(group.quarantined)
        self.watched = bool(self.suspects or self.quarantined)
        self._limit = group.forwarding.max_in_flight
        self._line = line
        self._expecting = group.expecting
        self._reason = group.reason
        self._guarded = group.breaker is not None
        self._most_ejected = group.breaker.most_ejected if group.breaker is not None else 0.0
        self._autoscaled, self.asleep = group.autoscaled, group.asleep
        for upstream in up:
            upstream.refused = False
        self.changed()
        self._be_watched()
        if not self.up and not self._expecting:
            self.rouse()

    def wish(self, head: RequestHead | None, client_ip: str) -> Wish:
        """Return what a request asks for, by its fields; without a head, by its address alone."""
        fields = head.headers if head is not None else []
        home = cookie(fields, self._balance.sticky.encode()) if self._balance.sticky else b""
        return Wish(self._affinity.key(fields, client_ip), home)

    def lead_back(self, wish: Wish, upstream: LiveUpstream) -> bytes:
        """Return the field line that has the client come back to `upstream`; b"" if none is due.

        A client whose worker is up, and only had no room, keeps its cookie: it is at home there.
        """
        if not self._balance.sticky or wish.home == upstream.token:
            return b""
        for each in self.up:
            if each.token == wish.home and not each.refused and each not in wish.tried:
                return b""
        return set_cookie(self._balance.sticky, upstream.token)

    def claim_now(self, wish: Wish | None = None) -> LiveUpstream | None:
        """Return the upstream whose turn it is, counted in flight; None if claim() has to wait."""
        if self.waiting:
            return None
        now = self._reactor.now
        if wish is not None or self._limit:
            return self._take(wish, now)
        upstream = self._policy.pick(self._available, now, _UNKEYED)
        if upstream is not None:
            self._enter(upstream)
        return upstream

    async def claim(
        self, until: float, wish: Wish | None = None, away: Callable[[], bool] | None = None
    ) -> LiveUpstream:
        """Do the same, and wait for one if it must be.

        Raises Refused when none will come, too many wait, or `until` (time of the reactor) passes;
        Elsewhere as soon as `away` says so.
        """
        upstream = self.claim_now(wish)
        return await self._wait(until, wish, away) if upstream is None else upstream

    def refused(self, upstream: LiveUpstream) -> None:
        """Note that nobody accepted there, so that no request tries it again at once."""
        if not upstream.refused:
            upstream.refused = True
            self._sort_out()
            if not self.serves:
                self.rouse()
            self._reactor.spawn(self._forgive(upstream))

    def rouse(self) -> None:
        """Have all who wait look whether they are to go elsewhere."""
        for waiter in self.waiting:
            self._reactor.schedule(waiter.task)

    def changed(self) -> None:
        """Take in that others may be picked than before."""
        self._sort_out()
        self._note_oldest()
        self.serve()

    def serve(self) -> None:
        """Give what is free to those who wait, in the order of their coming."""
        while self.waiting:
            waiter = next(iter(self.waiting))
            waiter.granted = self._take(waiter.wish, waiter.since)
            if waiter.granted is None:
                break
            self._strike(waiter)
            self._reactor.schedule(waiter.task)
        if self._line is not None and any(each.load() < self._limit for each in self._available):
            self._line.wake_next()

    def released(self) -> None:
        """Take in that an exchange has ended: one that waits, here or there, may have its place."""
        if self.waiting or self._line is not None:
            self.serve()

    def _take(self, wish: Wish | None, since: float) -> LiveUpstream | None:
        """Pick one and count it; None if there is none that may be taken now."""
        upstream: LiveUpstream | None = None
        if self._line is None:
            upstream = self._pick(wish)
            if upstream is not None:
                self._enter(upstream)
            return upstream
        self._line.lock()
        try:
            if self._line.is_next(since):
                upstream = self._pick(wish)
            if upstream is not None:
                self._enter(upstream)
        finally:
            self._line.unlock()
        return upstream

    def _enter(self, upstream: LiveUpstream) -> None:
        upstream.enter()
        if upstream.guard is not None and upstream.guard.enter():
            self._sort_out()

    def _pick(self, wish: Wish | None) -> LiveUpstream | None:
        now = self._reactor.now
        if wish is None:
            return self._policy.pick(self._with_room(self._available), now, _UNKEYED)
        candidates = self._with_room(self._available)
        if wish.tried:
            # Elsewhere first, be it at a backup; where it has been only if there is nothing else.
            others = self._with_room(
                [each for each in self.up if not each.refused and not each.ejected]
            )
            candidates = (
                [each for each in candidates if each not in wish.tried]
                or [each for each in others if each not in wish.tried]
                or candidates
            )
        elif wish.home:
            for candidate in candidates:
                if candidate.token == wish.home:
                    return candidate
        return self._policy.pick(candidates, now, wish.key)

    def _with_room(self, upstreams: list[LiveUpstream]) -> list[LiveUpstream]:
        if not self._limit:
            return upstreams
        return [each for each in upstreams if each.load() < self._limit]

    async def _wait(
        self, until: float, wish: Wish | None, away: Callable[[], bool] | None
    ) -> LiveUpstream:
        if len(self.waiting) >= self.forwarding.queue_size:
            self._check_hope()
            raise Refused(503, f"too many requests wait for a worker of {self.service}", _LATER)
        waiter = Waiter(self._reactor.current, self._reactor.now, wish)
        self.waiting[waiter] = None
        meter = self.meter
        if meter is not None:
            meter.enter()
        self._note_oldest()
        self._be_watched()
        if self._line is not None and (self._looker is None or self._looker.done):
            self._looker = self._reactor.spawn(self._look())
        try:
            while waiter.granted is None:
                if away is not None and away():
                    raise Elsewhere
                self._check_hope()
                await self._sleep(waiter, until - self._reactor.now)
            upstream, waiter.granted = waiter.granted, None
            return upstream
        finally:
            if waiter in self.waiting:
                self._strike(waiter)
            if meter is not None:
                meter.leave(self._reactor.now - waiter.since)
            if waiter.granted is not None:  # it was given one and went away
                waiter.granted.leave()
                if waiter.granted.guard is not None:
                    waiter.granted.guard.take().end()
                self.released()

    def waited(self) -> float:
        """Return for how long the oldest request has waited, in s; 0 if none waits."""
        for waiter in self.waiting:
            return max(0.0, self._reactor.now - waiter.since)
        return 0.0

    def _be_watched(self) -> None:
        """Have the daemon hear of those who wait, if it can bring a worker for them."""
        if self._autoscaled and self.waiting and self._watch is not None:
            self._watch.watch(self)

    async def _sleep(self, waiter: Waiter, seconds: float) -> None:
        """Wait to be granted one. Raises Refused when the time is over."""
        try:
            await self._reactor.wait(seconds)
        except DeadlinePassed:
            if waiter.granted is None:
                fate = "was free" if self._limit and self._available else "came up"
                reason = f"no worker of {self.service} {fate} in time"
                raise Refused(503, reason, _LATER) from None

    def _check_hope(self) -> None:
        if not self.up and not self._expecting:
            raise Refused(503, self._reason or f"no worker of {self.service} is up")

    def _strike(self, waiter: Waiter) -> None:
        del self.waiting[waiter]
        self._note_oldest()

    def _note_oldest(self) -> None:
        if self._line is not None:
            oldest = next(iter(self.waiting), None)
            self._line.note(0.0 if oldest is None else oldest.since)

    async def _look(self) -> None:
        """See from time to time what another proxy has left that could not ring any more."""
        while self.waiting and self._line is not None:
            await self._reactor.sleep(LOOK)
            self.serve()

    async def _forgive(self, upstream: LiveUpstream) -> None:
        await self._reactor.sleep(REFUSAL_MEMORY)
        if upstream.refused:
            upstream.refused = False
            self.changed()

    def _sort_out(self) -> None:
        """Find who may be picked; backups only while nobody else may."""
        accepting = [upstream for upstream in self.up if not upstream.refused]
        regular = [upstream for upstream in accepting if not upstream.backup] or accepting
        self.serves = bool(regular) or self.asleep
        if self._guarded and regular:
            regular = self._heed_breakers(accepting, regular)
        # The order decides who begins: several proxies must not all begin with the same one.
        first = self._seed % len(regular) if regular else 0
        self._available = regular[first:] + regular[:first]

    def _heed_breakers(
        self, accepting: list[LiveUpstream], regular: list[LiveUpstream]
    ) -> list[LiveUpstream]:
        """Leave out whom a breaker ejects; a backup that is well serves when all others are out."""
        fit = [upstream for upstream in accepting if not upstream.ejected]
        self.serves = bool(fit)
        spare = [upstream for upstream in fit if upstream.backup]
        if len(spare) == len(fit) and spare:
            return spare
        return admitted(regular, self._most_ejected)
