"""For how long services were up, to the moment of each change, from one reading to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Uptime:
    """Times on one clock of the caller's, in s."""

    _since: float | None = None
    _states: dict[str, bool | None] = field(default_factory=dict)
    _up: dict[str, float] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)

    def see(self, states: Mapping[str, bool | None], now: float) -> None:
        """Take in what is so from `now` on: up, not up, or None for not asked to be."""
        if self._since is not None:
            for name, up in self._states.items():
                if up is not None:
                    self._due[name] = self._due.get(name, 0.0) + now - self._since
                    self._up[name] = self._up.get(name, 0.0) + up * (now - self._since)
        self._since, self._states = now, dict(states)

    def take(self, name: str) -> tuple[float, float]:
        """Return for how long it was up, and was to be, since it was taken last."""
        return self._up.pop(name, 0.0), self._due.pop(name, 0.0)
