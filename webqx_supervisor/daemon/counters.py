"""The map in which proxies and daemon count for the metrics (net.sheets), from the daemon's side.

It lives on in the fd store, so that nothing begins anew with another daemon; and what a proxy has
counted stays when that ends.
"""

import logging
import os
from collections.abc import Collection

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.core.counting import Entries, is_overflow, route_key, scope, scopes
from webqx_supervisor.daemon.life import Life
from webqx_supervisor.daemon.proxy import Proxy
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.link import CountIn
from webqx_supervisor.net import sheets

log = logging.getLogger(__name__)

NAME = "sheets"
"""What the map is called in the fd store."""


class Counters:
    """Who counts where, and the sum of all."""

    def __init__(self, store: FdStore) -> None:
        self._store = store
        self._sheets: sheets.Sheets | None = None
        self._life = Life()

    def adopt(self, inherited: dict[str, list[int]], living: Collection[int]) -> None:
        """Take over the map of an earlier daemon, or begin one; proxies of these pids count on.

        Without a map the daemon counts for itself, and nobody sees what proxies count.
        """
        first, *copies = inherited.pop(NAME, [-1])
        for fd in copies:
            os.close(fd)
        try:
            self._sheets = self._kept(first) or self._begun()
        except OSError as error:
            log.warning("there will be no metrics of proxies: %s", error)
            return
        for owner in set(self._sheets.owners()) - {sheets.FREE, *living}:
            self.dismiss(owner)

    def keep(self, life: Life) -> None:
        """Have what the daemon itself counts outlive it as well."""
        self._life = life
        if self._sheets is not None:
            life.count_in(self._sheets.own)

    async def share(self, proxy: Proxy) -> bool:
        """Tell a proxy where to count; return whether that was to do. Raises LinkClosed, OSError.

        One that has heard it from an earlier daemon sees that it is the same.
        """
        if proxy.counts or self._sheets is None:
            return False
        number = self._number(proxy.process.pid)
        if number < 0:
            log.warning("too many proxies: nobody sees what %d counts", proxy.process.pid)
        else:
            await proxy.link.send(CountIn(number), [self._sheets.fd])
        proxy.counts = True
        return True

    def number(self, pid: int) -> int | None:
        """Return the small number that a proxy is known by, from 1 on; None: it counts nowhere."""
        owners = self._sheets.owners() if self._sheets is not None else []
        return owners.index(pid) + 1 if pid in owners else None

    def dismiss(self, pid: int) -> None:
        """Keep what a proxy has counted that has ended."""
        owners = self._sheets.owners() if self._sheets is not None else []
        if self._sheets is not None and pid in owners:
            self._sheets.take_back(owners.index(pid))

    def forget_all_but(self, config: Config) -> None:
        """Drop what was counted for routes, services and listeners that are not there any more."""
        if self._sheets is None:
            return
        wanted = scopes(
            map(route_key, config.routes),
            (service.name for service in config.services),
            (listener.name for listener in config.listeners),
        )
        for sheet in (self._sheets.gone(), self._sheets.own):
            for key in sheet.entries():
                if scope(key) not in wanted and not is_overflow(key):
                    sheet.drop(key)

    def entries(self) -> Entries:
        """Return what everybody has counted, as it is now."""
        return self._life.entries() if self._sheets is None else self._sheets.all()

    def close(self) -> None:
        """Let go of the map, for good: the daemon ends."""
        if self._sheets is not None:
            self._sheets.close()
            self._sheets = None
            self._store.remove(NAME)

    def _number(self, pid: int) -> int:
        """Return the number of the sheet that a proxy has, from now on if it had none; or -1."""
        assert self._sheets is not None
        owners = self._sheets.owners()
        if pid in owners:
            return owners.index(pid)
        if sheets.FREE not in owners:
            return -1
        number = owners.index(sheets.FREE)
        self._sheets.give(number, pid)
        return number

    def _kept(self, fd: int) -> sheets.Sheets | None:
        if fd < 0:
            return None
        try:
            return sheets.Sheets(fd)
        except (OSError, ValueError) as error:
            log.warning("what was counted begins anew, the kept map is unusable: %s", error)
            os.close(fd)
            self._store.remove(NAME)
            return None

    def _begun(self) -> sheets.Sheets:
        begun = sheets.Sheets(sheets.create())
        self._store.push(NAME, begun.fd)
        return begun
