"""A word from the output thread to a task of trio."""

import contextlib
from collections.abc import Callable

import trio


class Subscription:
    """Tells one trio task that something has come."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._event = trio.Event()
        self._told = False

    async def wait(self) -> None:
        """Return when something has come since the last return."""
        await self._event.wait()
        self._event = trio.Event()
        self._told = False  # before the reader reads: what comes later tells it again

    def tell(self) -> None:
        """Wake the task, from any thread; once for all that it has not seen yet."""
        if not self._told:
            self._told = True
            soon(self._token, self._wake)

    def _wake(self) -> None:
        self._event.set()


def soon(token: trio.lowlevel.TrioToken, what: Callable[[], None]) -> None:
    """Have trio call `what`, from any thread; nothing happens when its loop has ended."""
    with contextlib.suppress(trio.RunFinishedError):
        token.run_sync_soon(what)
