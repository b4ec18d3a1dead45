"""The table that all proxies count in for rate limits (net.rates), from the daemon's side.

It is made when a route has a limit for the first time, and lives on in the fd store: neither
another daemon nor other proxies make anybody's limit begin anew.
"""

import logging
import os

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.daemon.proxy import Proxy
from webqx_supervisor.model.gateway import Table
from webqx_supervisor.model.link import ShareRates
from webqx_supervisor.net import rates

log = logging.getLogger(__name__)

NAME = "rates"
"""What the table is called in the fd store."""


class SharedRates:
    """The one table, and who has it."""

    def __init__(self, store: FdStore) -> None:
        self._store = store
        self._table: rates.Rates | None = None

    def adopt(self, inherited: dict[str, list[int]]) -> None:
        """Take over the table of an earlier daemon, if it is one that proxies still understand."""
        first, *copies = inherited.pop(NAME, [-1])
        for fd in copies:
            os.close(fd)
        if first < 0:
            return
        try:
            self._table = rates.Rates(first)
        except (OSError, ValueError) as error:
            log.warning("rate limits begin anew, the kept table is unusable: %s", error)
            os.close(first)
            self._store.remove(NAME)

    async def share(self, proxy: Proxy, table: Table) -> bool:
        """Tell a proxy where to count, if it is to count at all; return whether that was to do.

        One that has heard it from an earlier daemon sees that it is the same. Raises LinkClosed,
        OSError.
        """
        if proxy.limits or not any(route.filters.limits for route in table.routes):
            return False
        await proxy.link.send(ShareRates(), [self._open().fd])
        proxy.limits = True
        return True

    def close(self) -> None:
        """Let go of the table, for good: the daemon ends."""
        if self._table is not None:
            self._table.close()
            self._table = None
            self._store.remove(NAME)

    def _open(self) -> rates.Rates:
        if self._table is None:
            self._table = rates.Rates(rates.create())
            self._store.push(NAME, self._table.fd)
        return self._table
