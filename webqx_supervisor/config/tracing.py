"""The keys of where spans of requests go, and which requests have some."""

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from webqx_supervisor.config.access_log import part
from webqx_supervisor.config.auth_fields import secret_place
from webqx_supervisor.config.filter_fields import field_name
from webqx_supervisor.config.kinds import Section, Text
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.paths import Absolute, placed
from webqx_supervisor.config.phrases import found
from webqx_supervisor.config.secretfile import NoSecret, is_place, kept
from webqx_supervisor.model import tracing as model
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Protocol, Route

_TRACING = model.Tracing()
_PATH = "/v1/traces"
_ADDRESS = re.compile(
    r"(?P<host>https?://(?:\[[0-9a-fA-F:.]+\]|[^/:@\s]+)(?::[0-9]{1,5})?)(?P<path>/[!-~]*)?"
)
NEEDED = "opentelemetry.exporter.otlp.proto.http"
"""What the extra `otel` brings."""
_PLACE = ("daemon", "tracing")


def tracing_table(value: object) -> object:
    """Take an address for `tracing = { endpoint = … }`; true for the defaults, false for none."""
    if isinstance(value, bool):
        return {} if value else None
    return {"endpoint": value} if isinstance(value, str) else value


def receiver_address(text: str) -> str:
    """Take an address; one without a path is completed as OTLP has it. Raises ValueError."""
    address = _ADDRESS.fullmatch(text)
    if address is None:
        wanted = f'wanted an address, like "{_TRACING.endpoint}"'
        raise ValueError(f"{wanted}; found {found(text)}")
    return text if (address["path"] or "/") != "/" else f"{address['host']}{_PATH}"


def header_value(text: str) -> str:
    """Take a field's value, or the place where it is kept. Raises ValueError."""
    if is_place(text):
        return secret_place(text)
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    raise ValueError(
        "wanted printable ASCII, or where it is kept: file:NAME, env:NAME or cred:NAME"
    )


class Tracing(Section):
    """Where spans go by OTLP over HTTP; an address alone is `endpoint`, true is all defaults."""

    endpoint: Annotated[str, AfterValidator(receiver_address)] = Field(
        default=_TRACING.endpoint,
        description="The receiver's address; one without a path is completed with `/v1/traces`.",
    )
    headers: dict[
        Annotated[str, AfterValidator(field_name)], Annotated[str, AfterValidator(header_value)]
    ] = Field(
        default={},
        description='Headers for the receiver; "file:NAME", "env:NAME" of the daemon and '
        '"cred:NAME" of systemd keep a secret out of this file.',
    )
    sample: Annotated[float, BeforeValidator(part, json_schema_input_type=float | str)] = Field(
        default=_TRACING.sample,
        description='The share of the traces that is recorded, 0.1 or "10%"; what a trusted proxy '
        "says of a trace goes first.",
    )
    service_name: Text = Field(
        default=_TRACING.service_name, description="`service.name` of the proxies' spans."
    )


class Traced(Section):
    """What the table of the daemon says of spans."""

    tracing: Annotated[
        Tracing | None,
        BeforeValidator(tracing_table, json_schema_input_type=bool | Text | Tracing),
    ] = Field(
        default=None,
        description="Spans of requests for OpenTelemetry: the address of a receiver, true for one "
        "on this machine, or all of these. Needs the extra `otel`; by default there are none.",
    )


def tracing(entry: Tracing | None, absolute: Absolute) -> model.Tracing | None:
    """Return where they go."""
    if entry is None:
        return None
    return model.Tracing(
        entry.endpoint,
        tuple((name, placed(value, absolute)) for name, value in entry.headers.items()),
        entry.sample,
        entry.service_name,
    )


def traced(config: Config) -> Config:
    """Return it with spans only where any are recorded, of the routes that do not refuse them."""
    carry_requests = {each.name for each in config.listeners if each.protocol is Protocol.HTTP}
    if config.tracing is None:
        carry_requests.clear()
    routes = tuple(
        route if route.listener in carry_requests else _untraced(route) for route in config.routes
    )
    return replace(config, routes=routes)


def tracing_problems(
    entry: Tracing | None,
    absolute: Absolute,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[tuple[KeyPath, str]]:
    """Find what is wrong with it; nothing of what is secret is repeated."""
    if entry is None:
        return
    if not is_there(NEEDED):
        yield _PLACE, "needs OpenTelemetry: pip install 'webqx-sv[otel]'"
    for name, value in entry.headers.items():
        try:
            kept(placed(value, absolute), environ)
        except NoSecret as error:
            yield (*_PLACE, "headers", name), str(error)


def _untraced(route: Route) -> Route:
    if not route.filters.telling.spans:
        return route
    telling = replace(route.filters.telling, spans=False)
    return replace(route, filters=replace(route.filters, telling=telling))


def is_there(module: str) -> bool:
    """Say whether it could be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
