"""The verbs for a single worker: a signal, its environment, a command beside it."""

import os
import signal as signals
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode

import click

from webqx_supervisor.cli import render, suggest
from webqx_supervisor.cli.options import call, file_option, json_option
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.process import enter

NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""Exit codes for a command that cannot be run, as a shell has them."""
OF_THIS_TERMINAL = ("TERM", "COLORTERM")


@click.command()
@click.argument("signal")
@click.argument(
    "workers",
    nargs=-1,
    required=True,
    metavar="SERVICE[:INSTANCE]...",
    shell_complete=suggest.workers,
)
@click.option("--tree", is_flag=True, help="To all processes of the worker, not its first alone.")
@file_option
@json_option
def signal(signal: str, workers: tuple[str, ...], tree: bool, file: Path, as_json: bool) -> None:
    """Send a signal, HUP or SIGUSR2 or 10, to workers. What follows an exit is `restart`'s."""
    body = {"signal": signal, "workers": workers, "tree": tree}
    answer = call(file, "POST", "/signal", body)
    if as_json:
        click.echo(render.as_json(answer))
        return
    for row in answer["workers"]:
        more = f" and {row['processes'] - 1} more" if row["processes"] > 1 else ""
        who = f"{row['service']}:{row['instance']}"
        click.echo(f"{answer['signal']} sent to {who}, pid {row['pid']}{more}")


@click.command()
@click.argument("worker", metavar="SERVICE[:INSTANCE]", shell_complete=suggest.workers)
@click.option("--show", is_flag=True, help="Show also what looks like a secret.")
@file_option
@json_option
def env(worker: str, show: bool, file: Path, as_json: bool) -> None:
    """Show the environment that a worker has; values that look like secrets are masked."""
    query = {"worker": worker} | ({"show": "1"} if show else {})
    answer = call(file, "GET", f"/env?{urlencode(query)}")
    if as_json:
        click.echo(render.as_json(answer))
        return
    for name, value in answer["env"].items():
        click.echo(os.fsencode(f"{name}={value}"))


# What follows the worker is the command's, options too: ours come before.
@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("worker", metavar="SERVICE[:INSTANCE]", shell_complete=suggest.workers)
@click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND..."
)
@file_option
def exec(worker: str, command: tuple[str, ...], file: Path) -> None:  # noqa: A001 - the verb's name
    """Run a command in this terminal: in the folder, with the environment, as the user of a worker.

    The exit code is the command's.
    """
    if command[0] == "--":
        command = command[1:]
    elif command[0].startswith("-"):
        raise click.UsageError(f"{command[0]}: options of exec come before {worker}")
    if not command:
        raise click.UsageError("Missing argument 'COMMAND'.")
    place = call(file, "GET", f"/exec?{urlencode({'worker': worker})}")
    of_here = {name: os.environ[name] for name in OF_THIS_TERMINAL if name in os.environ}
    _become(command, place["cwd"], place["env"] | of_here, place["entry"])


def _become(
    command: tuple[str, ...], cwd: str, env: dict[str, Any], entry: dict[str, Any]
) -> NoReturn:
    try:
        os.chdir(cwd)
    except OSError as error:
        raise WebqxError(f"cannot go to {cwd}: {error.strerror}") from None
    try:
        enter.take_on(entry)
    except enter.Refused as error:
        raise WebqxError(str(error)) from None
    for number in (signals.SIGPIPE, signals.SIGXFSZ):  # which Python ignores, and exec would keep
        signals.signal(number, signals.SIG_DFL)
    try:
        os.execvpe(command[0], command, env)  # noqa: S606 - what the user asked for
    except OSError as error:
        click.secho(f"{command[0]}: {error.strerror}", fg="red", err=True)
        found = not isinstance(error, FileNotFoundError | NotADirectoryError)
        click.get_current_context().exit(NOT_EXECUTABLE if found else NOT_FOUND)
