"""Rate limits: what is too much is refused with 429, or held until its time."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from webqx_supervisor.core.claims import field_value, find
from webqx_supervisor.core.networks import Networks
from webqx_supervisor.core.ratelimit import SECOND, Quota, policy_line, seconds
from webqx_supervisor.core.wire.cookies import cookie
from webqx_supervisor.core.wire.edits import stripper
from webqx_supervisor.core.wire.lines import values
from webqx_supervisor.model.limits import RateLimit
from webqx_supervisor.net.rates import Accounts, Rates
from webqx_supervisor.net.reactor import DeadlinePassed
from webqx_supervisor.proxy.admission import one_client
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.refusal import Refused

MEMORY = 4096
"""Clients whose accounts are known without being looked for; beyond, all are looked for anew."""
LONGEST = 256
"""Octets of what a client is known by, if its accounts are to be kept in mind."""
COMPLAIN_AFTER = 60.0
"""s between two lines of the log about a table that is full."""

_LOG = logging.getLogger(__name__)
_CLAIM = "claim"
_OF_OLD = b"RateLimit-Remaining: "
_without = stripper((b"ratelimit*",)) or bytes
_Reader = Callable[[Exchange], bytes]


class LimitsFilter:
    """Some limits of one route, which are asked together: all of them count a request or none."""

    def __init__(self, limits: Sequence[RateLimit]) -> None:
        self._limits = [_Limit(each) for each in limits]
        self._by_address = all(each.reader is None for each in self._limits)
        self._policy = policy_line(each.quota for each in self._limits)
        self._rates: Rates | None = None
        self._known: dict[object, Accounts] = {}
        self._quiet_until = 0.0

    def ask(self, exchange: Exchange) -> Awaitable[None] | None:
        """Let a request pass, now or later. Raises Refused (429)."""
        rates = exchange.gateway.rates
        if rates is None or rates is not self._rates:
            rates = self._begin(exchange)
        accounts = self._known.get(exchange.ip) if self._by_address else None
        if accounts is None:
            accounts = self._accounts(exchange, rates)
        if not accounts.all:
            return None
        wait = rates.take(accounts)
        tightest = accounts.tightest
        assert tightest is not None  # there is one, since it has been asked
        lines = tightest.quota.fields(tightest.due, accounts.now)
        exchange.extra = _joined(exchange.extra, self._policy + lines)
        if wait:
            raise _refused(tightest.quota, wait)
        if rates.crowded:
            self._complain(rates, exchange.gateway.reactor.now)
        if not accounts.hold:
            return None
        return _hold(exchange, accounts.hold / SECOND)

    def _begin(self, exchange: Exchange) -> Rates:
        """Take up another table than before."""
        rates = exchange.gateway.rates or exchange.gateway.limit_alone()
        self._rates = rates
        self._known.clear()
        return rates

    def _accounts(self, exchange: Exchange, rates: Rates) -> Accounts:
        """Return what a request takes from."""
        said = tuple(each.value(exchange) for each in self._limits)
        known_by = exchange.ip if self._by_address else (exchange.ip, said)
        accounts = self._known.get(known_by)
        if accounts is None:
            accounts = Accounts(
                rates.account(each.quota, each.account, each.client(exchange.ip, value))
                for each, value in zip(self._limits, said, strict=True)
                if exchange.ip not in each.exempt
            )
            if len(self._known) >= MEMORY:
                self._known.clear()
            if sum(map(len, said)) <= LONGEST:
                self._known[known_by] = accounts
        return accounts

    def _complain(self, rates: Rates, now: float) -> None:
        rates.crowded = False
        if now >= self._quiet_until:
            self._quiet_until = now + COMPLAIN_AFTER
            _LOG.warning(
                "rate limits: too many clients at once, %d were forgotten before their time so far",
                rates.forgotten(),
            )


class _Limit:
    """One limit, and whom it takes for one client."""

    def __init__(self, limit: RateLimit) -> None:
        self.quota = Quota(limit)
        self.account = limit.account.encode()
        self.exempt = Networks([(each, True) for each in limit.exempt], otherwise=False)
        self.reader = _reader(limit.by)
        self._by = limit.by.encode()

    def value(self, exchange: Exchange) -> bytes:
        """Return what a request says of who asks, beside its address; b"": nothing."""
        return self.reader(exchange) if self.reader is not None else b""

    def client(self, ip: str, value: bytes) -> bytes:
        """Return a name for the client; without a value it is that of the address.

        So nobody escapes by saying nothing, or by saying the address of somebody else.
        """
        if value:
            return b"%b\0%b" % (self._by, value)
        address = one_client(ip)
        return b"\0" + (address.encode() if isinstance(address, str) else address)


def is_by_claim(limit: RateLimit) -> bool:
    """Say whether a limit goes by what a token says, so that this must be proven first."""
    return limit.by.partition(":")[0] == _CLAIM


def _reader(by: str) -> _Reader | None:
    kind, _, name = by.partition(":")
    if kind == "header":
        return _header(name.lower().encode())
    if kind == "cookie":
        return lambda exchange: cookie(exchange.head.headers, name.encode())
    if kind == _CLAIM:
        return lambda exchange: (field_value(find(exchange.claims or {}, name)) or "").encode()
    return None


def _header(name: bytes) -> _Reader:
    begin = name + b":"

    def read(exchange: Exchange) -> bytes:
        # All of them: who adds one more to it is somebody else, and not the first alone.
        return b",".join(values(exchange.head.block, begin))

    return read


def _joined(extra: bytes, lines: bytes) -> bytes:
    """Add to the lines of an answer; of two limits that it has met the tighter one has its say."""
    if _OF_OLD not in extra:
        return extra + lines
    return extra if _left(extra) <= _left(lines) else _without(extra) + lines


def _left(lines: bytes) -> int:
    return int(lines.partition(_OF_OLD)[2].partition(b"\r")[0])


async def _hold(exchange: Exchange, seconds: float) -> None:
    try:
        await exchange.gateway.reactor.pause(seconds)
    except DeadlinePassed:
        raise Refused(429, "the client left before the rate let its request pass") from None


def _refused(quota: Quota, wait: int) -> Refused:
    after = seconds(wait)
    reason = f"too many requests: the limit {quota.label} lets the next one pass in {after} s"
    return Refused(429, reason, b"Retry-After: %d\r\n" % after)
