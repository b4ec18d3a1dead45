"""All of services.toml as one value: what is wanted."""

from dataclasses import dataclass, field

from webqx_supervisor.model.gateway import Balance, Forwarding, Listener, Route
from webqx_supervisor.model.resilience import Breaker
from webqx_supervisor.model.service import Service


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Where browsers see what runs. `bind` "": a free port of the loopback, once it is asked for.

    `names` are host names beside those of the loopback; `certificate` and `key` are files in PEM.
    """

    enabled: bool = True
    bind: str = ""
    names: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """The wanted state. Pairs hold a service's name and its policy; not all have a breaker."""

    name: str
    file: str
    """Absolute path of the services.toml it came from."""
    proxies: int = 1
    services: tuple[Service, ...] = ()
    listeners: tuple[Listener, ...] = ()
    routes: tuple[Route, ...] = ()
    forwardings: tuple[tuple[str, Forwarding], ...] = field(default=())
    balances: tuple[tuple[str, Balance], ...] = ()
    breakers: tuple[tuple[str, Breaker], ...] = ()
    dashboard: Dashboard = Dashboard()

    def service(self, name: str) -> Service | None:
        """Return the service of this name, or None."""
        return next((service for service in self.services if service.name == name), None)
