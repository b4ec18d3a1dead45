"""The verbs that only look."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from webqx_supervisor.cli import render, suggest
from webqx_supervisor.cli.evidence import evidence
from webqx_supervisor.cli.options import (
    COUNT,
    call,
    file_option,
    file_option_beside_n,
    follow_option,
    json_option,
    services_argument,
    stream,
)


@click.command()
@services_argument
@file_option
@json_option
def status(services: tuple[str, ...], file: Path, as_json: bool) -> None:
    """Show services, all or those named, their workers, proxies and the daemon."""
    answer = call(file, "GET", f"/status{_query(services)}")
    click.echo(render.as_json(answer) if as_json else render.status(answer))


@click.command()
@click.argument("service", shell_complete=suggest.services)
@file_option
@json_option
def describe(service: str, file: Path, as_json: bool) -> None:
    """Show all that is known of a service: definition, workers, latest events."""
    answer = call(file, "GET", f"/describe?{urlencode({'service': service})}")
    _show(answer, render.description, as_json=as_json)


@click.command()
@click.argument("worker", metavar="SERVICE[:INSTANCE]", shell_complete=suggest.workers)
@file_option
@json_option
def why(worker: str, file: Path, as_json: bool) -> None:
    """Show why workers died: how, after how long, with which requests and last words."""
    answer = call(file, "GET", f"/why?{urlencode({'worker': worker})}")
    _show(answer, evidence, as_json=as_json)


@click.command()
@file_option
def metrics(file: Path) -> None:
    """Print all that is measured and counted, as Prometheus reads it."""
    for piece in stream(file, "/metrics"):
        click.echo(piece, nl=False)


@click.command()
@services_argument
@follow_option
@click.option("-n", "last", type=COUNT, default=50, help="How many events to begin with.")
@file_option_beside_n
@json_option
def events(services: tuple[str, ...], follow: bool, last: int, file: Path, as_json: bool) -> None:
    """Show what happened, of all or of the services named. With --json and -f: one event a line."""
    query = _query(services, n=last)
    if not follow:
        answer = call(file, "GET", f"/events{query}")
        lines = map(render.event, answer["events"])
        click.echo(render.as_json(answer) if as_json else "\n".join(lines))
        return
    with suppress(KeyboardInterrupt):
        for event in _server_sent(stream(file, f"/events{query}&follow=1")):
            click.echo(json.dumps(event) if as_json else render.event(event))


def _query(services: tuple[str, ...], **more: Any) -> str:
    words = {"services": ",".join(services), **more} if services else more
    return f"?{urlencode(words)}" if words else ""


def _show(answer: Any, text: Callable[[Any], str], *, as_json: bool) -> None:
    """Print what is told of one service, or of each that a group or a glob means."""
    rows = answer.get("services", [answer])
    click.echo(render.as_json(answer) if as_json else "\n\n".join(map(text, rows)))


def _server_sent(pieces: Iterable[bytes]) -> Iterator[Any]:
    """Read JSON from the data fields of an event stream; ours fit on one line each.

    Source: HTML Living Standard, section 9.2.6.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield json.loads(line.removeprefix(b"data:"))
