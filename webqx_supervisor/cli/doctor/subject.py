"""Whom the doctor looks at: a services.toml, its daemon, or the mere machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webqx_supervisor.cli import launch
from webqx_supervisor.config import wanted
from webqx_supervisor.config.compiler import compile_file
from webqx_supervisor.config.files import locate
from webqx_supervisor.config.places import Places
from webqx_supervisor.control.client import Client
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import ConfigError, WebqxError


@dataclass(frozen=True, slots=True)
class Subject:
    """All that there is. `complaint`: why there is no `config`; `status`: of a daemon that runs."""

    file: Path
    config: Config | None
    complaint: WebqxError | None
    places: Places | None
    status: dict[str, Any] | None
    followed: frozenset[str]
    """The addresses that this daemon listens on."""

    @property
    def absent(self) -> bool:
        """Whether there is no services.toml at all."""
        return self.config is None and not self.file.exists()

    def worker_ports(self) -> dict[int, str]:
        """Return whose the ports are that workers shall listen on."""
        services = self.config.services if self.config else ()
        return {
            service.port + instance: f"port {service.port + instance} of {service.name}"
            for service in services
            if service.port is not None and not service.remote
            for instance in range(service.instances)
        }

    def binds(self) -> dict[str, str]:
        """Return whose the addresses are that the proxies shall listen on."""
        listeners = self.config.listeners if self.config else ()
        return {bind: f"{bind} of {each.name}" for each in listeners for bind in each.binds}


def look_at(file: Path) -> Subject:
    """Gather what can be had; nothing that is missing is an error here."""
    complaint: WebqxError | None = None
    config, places, status, followed = None, None, None, frozenset[str]()
    try:
        config = compile_file(file, launch.in_force(file))
    except ConfigError as error:
        complaint = error
    try:
        places = locate(file)
        status = Client(str(places.socket)).call("GET", "/status")
        followed = _binds(wanted.read(places.wanted).config)
    except WebqxError as error:
        complaint = complaint or (error if places is None else None)
    except (OSError, ValueError, TypeError):  # wanted.json
        pass
    return Subject(file, config, complaint, places, status, followed)


def _binds(config: Config) -> frozenset[str]:
    return frozenset(bind for listener in config.listeners for bind in listener.binds)
