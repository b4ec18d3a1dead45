"""The verb `alerts`, and `alerts test`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from webqx_supervisor.cli import render
from webqx_supervisor.cli.options import call, file_option, json_option
from webqx_supervisor.model.errors import WebqxError


@click.group(invoke_without_command=True)
@file_option
@json_option
@click.pass_context
def alerts(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Show what is wrong now, and whether the receivers of [alerts] could be told."""
    if ctx.invoked_subcommand is None:
        answer = call(file, "GET", "/alerts")
        click.echo(render.as_json(answer) if as_json else _state(answer))


@alerts.command()
@click.argument("receiver", default="")
@file_option
@json_option
def test(receiver: str, file: Path, as_json: bool) -> None:
    """Tell a receiver, or all of them, that this is a test."""
    answer = call(file, "POST", "/alerts/test", {"receiver": receiver})
    if as_json:
        click.echo(render.as_json(answer))
    else:
        click.echo("\n".join(_result(row) for row in answer["receivers"]))
    failed = [row["name"] for row in answer["receivers"] if row["reason"]]
    if failed:
        raise WebqxError(f"could not be told: {', '.join(failed)}")


def _state(answer: Mapping[str, Any]) -> str:
    if not answer["receivers"]:
        return "nobody is told: there is no receiver in [alerts.to] of services.toml"
    blocks = ["\n".join(_alarm(row) for row in answer["alarms"]) or "nothing is wrong"]
    head = ("RECEIVER", "BY", ">WAITING", "LAST")
    blocks.append(render.table(head, [_receiver(row) for row in answer["receivers"]]))
    return "\n\n".join(blocks)


def _alarm(row: Mapping[str, Any]) -> str:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row["since"]))
    word = (
        click.style("firing ", fg="red") if row["firing"] else click.style("pending", fg="yellow")
    )
    condition = row["condition"].replace("_", " ")
    return f"{word}  since {since}  {row['subject']}  {condition}: {row['text']}"


def _receiver(row: Mapping[str, Any]) -> tuple[str, ...]:
    at = row["told_at"]
    last = render.NOTHING if at is None else time.strftime("%H:%M:%SZ", time.gmtime(at))
    if row["reason"]:
        last = click.style(f"{last}  {row['reason']}", fg="red")
    return row["name"], row["means"], str(row["waiting"]), last


def _result(row: Mapping[str, Any]) -> str:
    return f"{row['name']}: {click.style(row['reason'], fg='red') if row['reason'] else 'told'}"
