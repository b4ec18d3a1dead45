"""What all verbs share: their options, and the way from `-c FILE` to the daemon."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from webqx_supervisor.cli import suggest
from webqx_supervisor.config import known
from webqx_supervisor.config.files import is_held, locate
from webqx_supervisor.config.places import Places
from webqx_supervisor.config.units import seconds
from webqx_supervisor.control.client import Client
from webqx_supervisor.model.errors import DaemonNotRunning, WebqxError

DEFAULT_FILE = suggest.DEFAULT_FILE
_CHOSEN = "chosen_daemon"
BETWEEN_DAEMONS, PAUSE = 10.0, 0.02
"""s that the next daemon may take to be there, and between two looks whether it is."""

Command = TypeVar("Command", bound=Callable[..., Any])
T = TypeVar("T")


class _Duration(click.ParamType[float]):
    """Seconds, written as in services.toml."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read "30s"; a number of seconds is good as well."""
        if isinstance(value, float):
            return value
        try:
            return seconds(f"{value}s" if str(value).isdecimal() else value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


ENVIRONMENT = "WEBQX_SV_ENV"
"""The variable that chooses an environment where no option does."""
COUNT = click.IntRange(min=0)
DURATION = _Duration()
follow_option = click.option("-f", "--follow", is_flag=True, help="Go on as more comes.")


def _choose(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    ctx.meta[_CHOSEN] = name


def _file(ctx: click.Context, param: click.Parameter, file: Path) -> Path:
    """Return the file of the daemon that --name has chosen; else the one of -c."""
    name = ctx.meta.get(_CHOSEN)
    if name is None:
        return file
    if ctx.resilient_parsing:  # for a suggestion, which never fails
        with suppress(WebqxError):
            return known.named(name)
        return file
    if ctx.get_parameter_source(str(param.name)) is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("-c and --name both say which daemon is meant")
    return known.named(name)


def _file_option(*short: str) -> Callable[[Command], Command]:
    """Return what adds the two ways to say which daemon is meant; both become `file`."""
    by_file = click.option(
        "-c",
        "--config",
        "file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=DEFAULT_FILE,
        callback=_file,
        metavar="FILE",
        help="The services.toml; ./services.toml by default.",
    )
    by_name = click.option(
        *short,
        "--name",
        _CHOSEN,
        expose_value=False,
        is_eager=True,  # before the file, which depends on it
        callback=_choose,
        shell_complete=suggest.daemons,
        metavar="NAME",
        help="The daemon of this name instead, wherever its file is; `ps` lists them.",
    )
    return lambda command: by_file(by_name(command))


file_option = _file_option("-n")
file_option_beside_n = _file_option()
"""For verbs whose -n is a number of lines."""
environment_option = click.option(
    "--env",
    "environment",
    envvar=ENVIRONMENT,
    metavar="NAME",
    help="Take the tables `env.NAME` over `env`; also by WEBQX_SV_ENV.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, and only JSON.")
services_argument = click.argument(
    "services",
    nargs=-1,
    metavar="[SERVICE|GROUP|GLOB]...",
    shell_complete=suggest.selections,
)


def call(
    file: Path, method: str, path: str, body: Any = None, *, patience: float = BETWEEN_DAEMONS
) -> Any:
    """Ask the daemon of this services.toml. Raises DaemonNotRunning and what the answer names."""
    return reach(locate(file), lambda client: client.call(method, path, body), patience)


def stream(file: Path, path: str, *, patience: float = BETWEEN_DAEMONS) -> Iterator[bytes]:
    """Yield the pieces of an answer that has no end of its own, as they come."""
    return reach(locate(file), lambda client: client.stream(path), patience)


def reach(places: Places, ask: Callable[[Client], T], patience: float = BETWEEN_DAEMONS) -> T:
    """Ask the daemon, or within `patience` s the next: between two the keeper holds the lock.

    Nothing has been asked while nobody is reached, so nothing is asked twice.
    """
    client, deadline = Client(str(places.socket)), time.monotonic() + patience
    while True:
        try:
            return ask(client)
        except DaemonNotRunning:
            if not is_held(places.lock) or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
