"""What the secrets of services hold: read at each start of a worker, and masked wherever it shows.

They are in this process's memory and in the environments of the workers; nowhere else.
"""

import os
from collections import deque

import trio

from webqx_supervisor.config.secretfile import NoSecret, read_secret
from webqx_supervisor.core.secrecy import Mask
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.service import Service
from webqx_supervisor.process import table

KEPT = 4
"""So many values of one secret are remembered: workers may still have those before."""


class Secrets:
    """All that have been read since the daemon's start."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], deque[str]] = {}
        self._masks: dict[str, Mask] = {}
        self._mask = Mask()

    async def read(self, service: Service) -> dict[str, str]:
        """Return the secrets of a service as they are now. Raises CannotStart."""
        if not service.secrets:
            return {}
        # In a thread: a file may be on a disk that does not answer.
        values = await trio.to_thread.run_sync(_read, service, abandon_on_cancel=True)
        self._remember(service.name, values)
        return values

    def recall(self, service: Service, pid: int) -> None:
        """Learn what a worker has that an earlier daemon started, by its environment.

        One that has overwritten that, as some do to change their title, may have what is there now.
        """
        names = {name for name, _ in service.secrets}
        if not names:
            return
        pairs = (os.fsdecode(pair).partition("=") for pair in table.environment(pid))
        self._remember(service.name, {name: value for name, _, value in pairs if name in names})
        for name, place in service.secrets:
            try:
                self._remember(service.name, {name: read_secret(place, os.environ)})
            except NoSecret:
                continue

    def masked(self, text: str) -> str:
        """Return the text without the secret of any service."""
        return self._mask.text(text)

    def masked_lines(self, service: str, lines: bytes) -> bytes:
        """Return lines that a worker of the service wrote, without its secrets; for any thread."""
        mask = self._masks.get(service)
        return mask.octets(lines) if mask is not None else lines

    def _remember(self, service: str, values: dict[str, str]) -> None:
        for name, value in values.items():
            known = self._known.setdefault((service, name), deque(maxlen=KEPT))
            if value not in known:
                known.append(value)
        mine = [held for (owner, _), held in self._known.items() if owner == service]
        self._masks[service] = Mask(value for held in mine for value in held)
        self._mask = Mask(value for held in self._known.values() for value in held)


def _read(service: Service) -> dict[str, str]:
    values = {}
    for name, place in service.secrets:
        try:
            values[name] = read_secret(place, os.environ)
        except NoSecret as error:
            raise CannotStart(f"secret {name}: {error}") from None
    return values
