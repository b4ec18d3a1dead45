"""What may stand where a service, worker or route is asked for; for completion by the shell.

Every press of the Tab key comes through here: quick, and silent whatever is wrong.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from webqx_supervisor.config import known
from webqx_supervisor.config.files import locate, read_services_toml
from webqx_supervisor.config.syntax import load
from webqx_supervisor.control.client import Client
from webqx_supervisor.model.errors import WebqxError

DEFAULT_FILE = Path("services.toml")
PATIENCE = 1.0
"""s that the daemon may take: nobody waits longer for a suggestion."""


def services(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return names of services, but those that are on the line already."""
    there = ctx.params.get(param.name or "") or ()
    given = there if isinstance(there, tuple | list) else ()
    return [name for name in _names(ctx) if name.startswith(incomplete) and name not in given]


def selections(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the same and, behind them, names of groups."""
    groups = dict.fromkeys(_groups(ctx))
    return services(ctx, param, incomplete) + [
        group for group in groups if group.startswith(incomplete)
    ]


def daemons(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return names of daemons, as --name takes them."""
    del ctx, param
    return [each.name for each in known.everyone() if each.name.startswith(incomplete)]


def workers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return names of services; behind a colon, their instances."""
    service, colon, _ = incomplete.partition(":")
    if not colon:
        return services(ctx, param, incomplete)
    names = [f"{service}:{instance}" for instance in _instances(ctx, service)]
    return [name for name in names if name.startswith(incomplete)]


def routes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return names of routes, and of services, which stand for all theirs."""
    del param
    named = _file(ctx).get("routes", [])
    names = [route.get("name") for route in named if isinstance(route, dict)]
    return [
        name for name in (*filter(None, names), *_names(ctx)) if str(name).startswith(incomplete)
    ]


def _names(ctx: click.Context) -> list[str]:
    found = _table(_file(ctx).get("services"))
    return list(found) or [row["name"] for row in _running(ctx)]


def _groups(ctx: click.Context) -> Iterator[str]:
    for entry in _table(_file(ctx).get("services")).values():
        group = _table(entry).get("group", [])
        groups = group if isinstance(group, list) else [group]
        yield from (each for each in groups if isinstance(each, str))


def _instances(ctx: click.Context, service: str) -> Iterator[int]:
    """Yield those that run, or those that the file asks for."""
    rows = [row for row in _running(ctx) if row["name"] == service]
    if rows:
        yield from (worker["instance"] for worker in rows[0]["workers"])
        return
    entry = _table(_table(_file(ctx).get("services")).get(service))
    count = entry.get("instances", 1)
    yield from range(1, count + 1 if isinstance(count, int) else 2)


def _file(ctx: click.Context) -> dict[str, Any]:
    file = _path(ctx)
    try:
        return load(read_services_toml(file), str(file))
    except WebqxError:
        return {}


def _running(ctx: click.Context) -> list[dict[str, Any]]:
    try:
        client = Client(str(locate(_path(ctx)).socket))
        rows: list[dict[str, Any]] = client.call("GET", "/status", timeout=PATIENCE)["services"]
    except (WebqxError, OSError):
        return []
    return rows


def _path(ctx: click.Context) -> Path:
    return Path(ctx.params.get("file") or DEFAULT_FILE)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
