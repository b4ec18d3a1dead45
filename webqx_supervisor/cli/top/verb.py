"""The verb `top`."""

import sys
from pathlib import Path

import click

from webqx_supervisor.cli.options import call, file_option
from webqx_supervisor.model.errors import UsageError


@click.command()
@file_option
def top(file: Path) -> None:
    """Show services and workers live: traffic, CPU, memory, logs; keys reload, scale, stop."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal; `webqx-sv status --json` does not")
    call(file, "GET", "/ping")  # an error is better read before the screen is taken
    import trio

    from webqx_supervisor.cli.top.session import terminal

    try:
        with terminal(file) as session:
            trio.run(session.run)
    except* KeyboardInterrupt:
        pass
