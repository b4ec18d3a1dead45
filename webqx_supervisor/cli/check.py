"""The verb `check`: everything that is wrong with a services.toml, without running any of it."""

from dataclasses import asdict
from pathlib import Path

import click

from webqx_supervisor.cli import render
from webqx_supervisor.cli.options import environment_option, file_option, json_option
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import ConfigError, Problem


@click.command()
@environment_option
@file_option
@json_option
def check(environment: str | None, file: Path, as_json: bool) -> None:
    """Say whether the file is right, and name every problem if not.

    A program or a secret that is missing is a warning: it keeps no other service from running.
    """
    from webqx_supervisor.config.compiler import compile_file
    from webqx_supervisor.config.secret_places import doubtful_secrets
    from webqx_supervisor.config.services_toml import missing_programs

    try:
        config = compile_file(file, environment or "")
    except ConfigError as error:
        if as_json:
            click.echo(_report(error.problems, ()))
        raise
    warnings = [*missing_programs(config), *doubtful_secrets(config)]
    if as_json:
        click.echo(_report((), warnings))
        return
    for problem in warnings:
        click.secho(f"warning: {problem}", fg="yellow", err=True)
    click.echo(f"{file} is right: {_summary(config)}")


def _report(problems: tuple[Problem, ...], warnings: tuple[Problem, ...] | list[Problem]) -> str:
    found = {"problems": problems, "warnings": warnings}
    return render.as_json({kind: [asdict(each) for each in some] for kind, some in found.items()})


def _summary(config: Config) -> str:
    workers = sum(service.instances for service in config.services)
    counts = {
        "service": len(config.services),
        "worker": workers,
        "listener": len(config.listeners),
        "route": len(config.routes),
    }
    return ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts.items())
