"""The key `dashboard` of [daemon]: where browsers may look."""

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from webqx_supervisor.config.addresses import bind_address
from webqx_supervisor.config.kinds import AddressText, Port, Section, Text, Texts
from webqx_supervisor.config.paths import absolute
from webqx_supervisor.model import config

_DASHBOARD = config.Dashboard()


class Dashboard(Section):
    """Where the page is served: an address alone is `bind`; `false` switches it off."""

    enabled: bool = Field(
        default=_DASHBOARD.enabled, description="Whether the page is served at all."
    )
    bind: (
        Annotated[str, BeforeValidator(bind_address, json_schema_input_type=Port | AddressText)]
        | None
    ) = Field(
        default=None,
        description="Its address; by default a free port of 127.0.0.1, from the first "
        "`webqx-sv dashboard` on. Other than on the loopback it needs `certificate` and `key`.",
    )
    names: Texts = Field(
        default=_DASHBOARD.names,
        description="Host names that browsers may call it by, beside those of the loopback.",
    )
    certificate: Text | None = Field(
        default=None, description="A file with the certificate chain, in PEM: the page is HTTPS."
    )
    key: Text | None = Field(
        default=None,
        description="A file with the private key, in PEM; without it in `certificate`.",
    )

    @model_validator(mode="after")
    def _secret_elsewhere(self) -> Self:
        if self.bind is None or self.certificate is not None:
            return self
        host = self.bind.rpartition(":")[0].strip("[]")
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(
                "other than on the loopback the dashboard needs a `certificate`: what the browser "
                "is let in by must not be read on the way"
            )
        return self


def dashboard_table(value: object) -> object:
    """Take `dashboard = 9090` for its `bind`, and `false` for `enabled`."""
    if isinstance(value, bool):
        return {"enabled": value}
    return {"bind": value} if isinstance(value, int | str) else value


def dashboard(entry: Dashboard, folder: Path) -> config.Dashboard:
    """Return where the page is served; paths are seen from `folder`."""
    return config.Dashboard(
        enabled=entry.enabled,
        bind=entry.bind or "",
        names=entry.names,
        certificate=absolute(folder, entry.certificate) if entry.certificate else "",
        key=absolute(folder, entry.key) if entry.key else "",
    )
