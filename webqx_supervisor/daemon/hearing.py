"""What proxies say by themselves: each message to whom it concerns."""

from collections.abc import Callable
from dataclasses import dataclass

from webqx_supervisor.daemon.credentials import CredentialStore
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.model.gateway import read_worker_id
from webqx_supervisor.model.link import BreakerMoved, KeyMissing, Lost, Queued, Survived
from webqx_supervisor.model.resilience import BreakerState

Said = Lost | Survived | BreakerMoved | KeyMissing | Queued

BREAKER_MOVES = {
    BreakerState.OPEN: "breaker_opened",
    BreakerState.HALF_OPEN: "breaker_half_opened",
    BreakerState.CLOSED: "breaker_closed",
}
"""What the events are called."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """`queued` is told which services requests wait for."""

    resources: Resources
    credentials: CredentialStore
    queued: Callable[[tuple[str, ...]], None]

    def hear(self, message: Said) -> None:
        """Pass a message on."""
        match message:
            case Lost():
                self.resources.evidence.lost(message)
            case Survived():
                self.resources.evidence.survived(message)
            case BreakerMoved():
                self._breaker_moved(message)
            case KeyMissing(source):
                self.credentials.key_missing(source)
            case Queued(services):
                self.queued(services)

    def _breaker_moved(self, message: BreakerMoved) -> None:
        service, instance, pid = read_worker_id(message.upstream)
        if message.state is BreakerState.OPEN:
            self.resources.life.breaker_opened(service, instance)
        kind = BREAKER_MOVES[message.state]
        self.resources.registry.tell(
            kind, message.reason, service=service, instance=instance, pid=pid
        )
