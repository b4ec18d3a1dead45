"""All of services.toml as one value: what is wanted."""

from dataclasses import dataclass, field

from webqx_supervisor.model.accesslog import AccessLog
from webqx_supervisor.model.alerts import Alerts
from webqx_supervisor.model.audit import Audit
from webqx_supervisor.model.auth import Source
from webqx_supervisor.model.gateway import Balance, Forwarding, Listener, Route
from webqx_supervisor.model.resilience import Breaker
from webqx_supervisor.model.service import Service
from webqx_supervisor.model.tracing import Tracing


@dataclass(frozen=True, slots=True)
class MetricsDoor:
    """An address where the metrics are told to whoever knows the token, if there is one."""

    bind: str
    token: Source | None = None


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
    audit: Audit | None = None
    """Where it is recorded who did what; None: nowhere."""
    access_log: AccessLog = field(default_factory=AccessLog)
    metrics: MetricsDoor | None = None
    """Where they are told beside the control socket; None: nowhere."""
    dashboard: Dashboard = field(default_factory=Dashboard)
    tracing: Tracing | None = None
    """Where spans go; None: nobody records any."""
    alerts: Alerts = field(default_factory=Alerts)
    environment: str = ""
    """The tables of `env` that were chosen, by their name; "": none."""

    def service(self, name: str) -> Service | None:
        """Return the service of this name, or None."""
        return next((service for service in self.services if service.name == name), None)

    def listeners_of(self, service: str) -> frozenset[str]:
        """Return the names of the listeners where requests for this service come in."""
        routed = (route.listener for route in self.routes if route.service == service)
        handed = (each.name for each in self.listeners if each.handed and each.name == service)
        return frozenset((*routed, *handed))
