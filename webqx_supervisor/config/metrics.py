"""The keys of where Prometheus may fetch the metrics."""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config.addresses import bind_address
from webqx_supervisor.config.auth_fields import secret_place
from webqx_supervisor.config.kinds import AddressText, Port, Section
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.paths import Absolute, placed
from webqx_supervisor.config.secretfile import NoSecret, kept
from webqx_supervisor.model import config
from webqx_supervisor.model.auth import Source, SourceKind
from webqx_supervisor.model.gateway import split_address

_PLACE = ("daemon", "metrics")


def metrics_table(value: object) -> object:
    """Take `metrics = 9100` for `metrics = { bind = 9100 }`."""
    return value if value is None or isinstance(value, dict) else {"bind": value}


class Metrics(Section):
    """Where `GET /metrics` is answered for Prometheus; an address alone is `bind`."""

    bind: Annotated[
        str, BeforeValidator(bind_address, json_schema_input_type=Port | AddressText)
    ] = Field(description="A port of 127.0.0.1, or an address with its port.")
    token: Annotated[str, AfterValidator(secret_place)] | None = Field(
        default=None,
        description='What must come as Bearer token: "file:NAME", "env:NAME" of the daemon or '
        '"cred:NAME" of systemd. '
        "Without one only an address of the loopback is taken.",
    )


class Measured(Section):
    """What the table of the daemon says of its metrics."""

    metrics: Annotated[
        Metrics | None,
        BeforeValidator(metrics_table, json_schema_input_type=Port | AddressText | Metrics),
    ] = Field(
        default=None,
        description="Where Prometheus may fetch the metrics: `bind`, or all of these; by default "
        "nowhere but at the control socket.",
    )


def metrics_door(entry: Metrics | None, absolute: Absolute) -> config.MetricsDoor | None:
    """Return where it is answered, and for whom."""
    if entry is None:
        return None
    if entry.token is None:
        return config.MetricsDoor(entry.bind)
    return config.MetricsDoor(entry.bind, Source(SourceKind.SECRET, placed(entry.token, absolute)))


def metrics_problems(
    entry: Metrics | None,
    absolute: Absolute,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[tuple[KeyPath, str]]:
    """Find what is wrong with it; nothing of what is secret is repeated."""
    door = metrics_door(entry, absolute)
    if door is None:
        return
    if door.token is not None:
        try:
            if not kept(door.token.place, environ).strip():
                yield (*_PLACE, "token"), "there is nothing in it"
        except NoSecret as error:
            yield (*_PLACE, "token"), str(error)
    elif not ipaddress.ip_address(split_address(door.bind)[0]).is_loopback:
        message = f"{door.bind} can be reached from elsewhere: wanted a `token` for it"
        yield (*_PLACE, "bind"), message
