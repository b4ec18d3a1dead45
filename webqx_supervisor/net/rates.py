"""What all proxies count together for rate limits: a table in memory that every one of them sees.

An account is one limit of one client; all that is kept of it is its `due` (core.ratelimit). The
table is of fixed size. It is cut into stripes, each with a lock, and a client has all its accounts
in one stripe; that into buckets of a few places. Who has no place takes that of an account which is
over and so says nothing any more, or when there is none, of the one that would be over soonest.

A lock is one of fcntl(2): the kernel frees it when its holder dies, with whatever was half done: at
worst some limits have counted a request that never went on. Clients are known by keyed hashes only,
so that nobody can choose in which bucket he comes to lie.
"""

import mmap
import os
import tempfile
from collections.abc import Callable, Iterable
from hashlib import blake2b
from time import monotonic_ns

from webqx_supervisor.core.ratelimit import Quota
from webqx_supervisor.net.calls import lock, unlock

STRIPES = 64
BUCKETS = 256
"""Of each stripe."""
PLACES = 16
"""Of each bucket."""

_SECRET = 16  # octets
_LAYOUT = 0x7765_6271_7801  # what the table looks like; another number is another table
# A header of words of 8 octets: the layout, two of the secret, how many each stripe has forgotten.
_FORGOTTEN = 3
_FIRST = _FORGOTTEN + STRIPES
_BUCKET = PLACES * 2  # words: each place has a tag, by which its account is known, and a due
SIZE = (_FIRST + STRIPES * BUCKETS * _BUCKET) * 8


def create() -> int:
    """Return the descriptor of a new table, with nothing in it. Raises OSError."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("webqx-sv-rates")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, SIZE)  # pages that nobody writes cost nothing
    with mmap.mmap(fd, SIZE) as header:
        header[:24] = _LAYOUT.to_bytes(8, "little") + os.urandom(_SECRET)
    return fd


class Account:
    """One limit of one client, and where it is found; `due` as it was when it was asked last."""

    __slots__ = ("at", "bucket", "due", "quota", "stripe", "tag")

    def __init__(self, quota: Quota, stripe: int, bucket: int, tag: int) -> None:
        self.quota = quota
        self.stripe = stripe
        self.bucket = bucket
        """The first of its places."""
        self.tag = tag
        self.at = bucket
        """The place where it was last."""
        self.due = 0


class Accounts:
    """What one request takes from, all or nothing, and how that went."""

    __slots__ = ("all", "hold", "now", "stripes", "tightest")

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.all = list(accounts)
        self.stripes = sorted({account.stripe for account in self.all})
        """In the order in which they are locked: no two can wait for each other."""
        self.tightest: Account | None = None
        """The one that leaves the least, or lets the next request pass last."""
        self.now = 0
        """When it was asked."""
        self.hold = 0
        """ns for which the request is to be held before it goes on."""


class Rates:
    """The table; owns `fd`. Raises ValueError and OSError if that is no such table."""

    def __init__(self, fd: int, clock: Callable[[], int] = monotonic_ns) -> None:
        self.fd = fd
        self.crowded = False
        """Somebody was forgotten before his time since this was last set to False."""
        self._clock = clock
        self._map = mmap.mmap(fd, SIZE)
        self._words = memoryview(self._map).cast("q")
        if self._words[0] != _LAYOUT:
            raise ValueError("a table of another layout")
        self.secret = self._map[8 : 8 + _SECRET]

    def close(self) -> None:
        """Let go of the table; others may still have it."""
        os.close(self.fd)

    def forgotten(self) -> int:
        """Return how many accounts lost their place before they were over."""
        return sum(self._words[_FORGOTTEN + stripe] for stripe in range(STRIPES))

    def account(self, quota: Quota, name: bytes, client: bytes) -> Account:
        """Return the account that the limit called `name` has of a client."""
        whose = blake2b(client, digest_size=16, key=self.secret).digest()
        which = blake2b(name + whose, digest_size=16, key=self.secret).digest()
        stripe = whose[0] % STRIPES
        number = stripe * BUCKETS + which[0] % BUCKETS
        bucket = _FIRST + number * _BUCKET
        return Account(quota, stripe, bucket, int.from_bytes(which[8:], "little", signed=True))

    def take(self, accounts: Accounts) -> int:
        """Take one request from each of them, or from none.

        Returns 0, or the ns after which it could pass as things stand now.
        """
        for stripe in accounts.stripes:
            lock(self.fd, stripe)
        try:
            return self._take(accounts)
        finally:
            for stripe in accounts.stripes:
                unlock(self.fd, stripe)

    def _take(self, accounts: Accounts) -> int:
        # Asked under the lock, so that for each account time never goes back.
        now = accounts.now = self._clock()
        wait = 0
        for account in accounts.all:
            at = self._find(account)
            account.due = self._words[at + 1] if at >= 0 else 0
            lacks = account.quota.lacks(account.due, now)
            if lacks > wait:
                wait = lacks
                accounts.tightest = account
        if not wait:
            self._write(accounts, now)
        return wait

    def _write(self, accounts: Accounts, now: int) -> None:
        least = -1
        accounts.hold = 0
        for account in accounts.all:
            quota = account.quota
            if quota.delays and account.due - now > accounts.hold:
                accounts.hold = account.due - now
            account.due = quota.taken(account.due, now)
            # Looked for again: another of these may just have taken the place.
            at = self._find(account)
            if at < 0:
                at = account.at = self._clear_place(account, now)
            self._words[at] = account.tag
            self._words[at + 1] = account.due
            left = quota.left(account.due, now)
            if least < 0 or left < least:
                least = left
                accounts.tightest = account

    def _find(self, account: Account) -> int:
        """Return the place of an account, -1: it has none."""
        words, tag = self._words, account.tag
        if words[account.at] == tag:
            return account.at
        for at in range(account.bucket, account.bucket + _BUCKET, 2):
            if words[at] == tag:
                account.at = at
                return at
        return -1

    def _clear_place(self, account: Account, now: int) -> int:
        """Return a place that may be written."""
        words = self._words
        soonest = account.bucket
        for at in range(account.bucket, account.bucket + _BUCKET, 2):
            if words[at + 1] <= now:
                return at
            if words[at + 1] < words[soonest + 1]:
                soonest = at
        words[_FORGOTTEN + account.stripe] += 1
        self.crowded = True
        return soonest
