"""The verb `ps`: every daemon of this user, wherever its services.toml is."""

from collections.abc import Mapping
from typing import Any

import click

from webqx_supervisor.cli import render
from webqx_supervisor.cli.options import json_option
from webqx_supervisor.config import known
from webqx_supervisor.config.known import Known
from webqx_supervisor.control.client import Client
from webqx_supervisor.core.lifecycle import ASLEEP
from webqx_supervisor.model.errors import WebqxError

PATIENCE = 5.0
"""s that a daemon may take to answer, so that one that hangs does not hide the others."""


@click.command()
@json_option
def ps(as_json: bool) -> None:
    """List every daemon of this user, wherever its file is; `--name NAME` chooses one of them."""
    rows = [_row(each) for each in known.everyone() if each.running]
    if as_json:
        click.echo(render.as_json({"daemons": rows}))
    else:
        head = ("NAME", ">PID", ">SERVICES", ">UPTIME", "FILE")
        click.echo(render.table(head, [_cells(row) for row in rows]) if rows else "no daemon runs")


def _row(daemon: Known) -> dict[str, Any]:
    """Return what a daemon says of itself; all None where it does not answer."""
    row: dict[str, Any] = {"name": daemon.name, "file": str(daemon.places.file)}
    try:
        status = Client(str(daemon.places.socket)).call("GET", "/status", timeout=PATIENCE)
    except WebqxError as error:
        return row | dict.fromkeys(("pid", "up", "total", "uptime_s"), None) | {"error": str(error)}
    services = [each for each in status["services"] if not each.get("inactive")]
    return row | {
        "pid": status["daemon"]["pid"],
        "up": sum(map(_is_up, services)),
        "total": len(services),
        "uptime_s": status["daemon"]["uptime_s"],
        "error": "",
    }


def _is_up(service: Mapping[str, Any]) -> bool:
    """Say whether a service is as it should be, and nobody has stopped it."""
    return bool(service.get("well", True) and (service["workers"] or service["state"] == ASLEEP))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    if row["pid"] is None:
        why = click.style(row["error"], fg="red")
        return row["name"], *[render.NOTHING] * 3, f"{row['file']}  ({why})"
    up = f"{row['up']}/{row['total']}"
    uptime = render.duration(row["uptime_s"])
    return (
        row["name"],
        str(row["pid"]),
        up if row["up"] == row["total"] else click.style(up, fg="yellow"),
        uptime,
        row["file"],
    )
