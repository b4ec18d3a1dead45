"""What all verbs share: their options, and the way from `-c FILE` to the daemon."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from webqx_supervisor.cli import suggest
from webqx_supervisor.config.files import locate
from webqx_supervisor.config.units import seconds
from webqx_supervisor.control.client import Client

DEFAULT_FILE = suggest.DEFAULT_FILE


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
file_option = click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_FILE,
    metavar="FILE",
    help="The services.toml; ./services.toml by default.",
)
environment_option = click.option(
    "--env",
    "environment",
    envvar=ENVIRONMENT,
    metavar="NAME",
    help="Take the tables `env.NAME` over `env`; also by WEBQX_SV_ENV.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, and only JSON.")
services_argument = click.argument(
    "services", nargs=-1, metavar="[SERVICE]...", shell_complete=suggest.services
)


def call(file: Path, method: str, path: str, body: Any = None) -> Any:
    """Ask the daemon of this services.toml. Raises DaemonNotRunning and what the answer names."""
    return Client(str(locate(file).socket)).call(method, path, body)


def stream(file: Path, path: str) -> Iterator[bytes]:
    """Yield the pieces of an answer that has no end of its own, as they come."""
    return Client(str(locate(file).socket)).stream(path)
