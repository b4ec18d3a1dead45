"""The verb `slo`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from webqx_supervisor.cli import render
from webqx_supervisor.cli.options import call, file_option, json_option


@click.command()
@file_option
@json_option
def slo(file: Path, as_json: bool) -> None:
    """Show how services stand by their objectives: error budget left, and how fast it burns."""
    answer = call(file, "GET", "/slo")
    click.echo(render.as_json(answer) if as_json else _table(answer["services"]))


def _table(services: list[Mapping[str, Any]]) -> str:
    rows = [_row(each["name"], standing) for each in services for standing in each["objectives"]]
    if not rows:
        return "no service has an `slo` in services.toml, or it was not looked at yet"
    head = ("SERVICE", "OBJECTIVE", ">TARGET", ">REACHED", ">BUDGET LEFT", ">BURN 1H", ">BURN 6H")
    return render.table(head, rows)


def _row(service: str, standing: Mapping[str, Any]) -> tuple[str, ...]:
    left = standing["budget_left"]
    shown = _share(left)
    return (
        service,
        standing["objective"],
        _share(standing["target"]),
        _share(standing["reached"]),
        click.style(shown, fg="red") if left is not None and left <= 0 else shown,
        *(f"{rate:.1f}" for _, rate in standing["burn"]),
    )


def _share(share: float | None) -> str:
    return render.NOTHING if share is None else f"{100 * share:.6g}%"
