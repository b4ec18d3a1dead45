"""How many retries a service bears: a part of its requests, so that no storm can be built of them.

When all workers fail, each retry is one more request to them. With a limit of attempts alone the
load is three times as high just when there is too much of it; a share adds no more than that share.
"""

from webqx_supervisor.core.window import Window

WINDOW = 10.0
"""s over which both are counted."""
SPARE = 10
"""Retries within the window that are always allowed, for services with few requests."""


class Budget:
    """The requests and retries of one service in one proxy, within the last WINDOW."""

    __slots__ = ("_window",)

    def __init__(self) -> None:
        self._window = Window(WINDOW)

    def asked(self, now: float) -> None:
        """Count one request."""
        self._window.add(now, 1, 0, 0)

    def take(self, now: float, share: float) -> bool:
        """Say whether there may be one more retry, with this share, and count it if so."""
        window = self._window
        window.advance(now)
        if window.first + 1 > share * window.total + SPARE:
            return False
        window.add(now, 0, 1, 0)
        return True
