"""The verb `dashboard`."""

import os
import sys
import webbrowser
from pathlib import Path

import click

from webqx_supervisor.cli import render
from webqx_supervisor.cli.options import call, file_option, json_option


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Print the address, open no browser.")
@file_option
@json_option
def dashboard(only_print: bool, file: Path, as_json: bool) -> None:
    """Open the page that shows services and workers live, and lets you act on them.

    The address lets one browser in, within a minute; after that its cookie does.
    """
    answer = call(file, "POST", "/dashboard")
    click.echo(render.as_json(answer) if as_json else answer["url"])
    if not (only_print or as_json) and _has_a_screen():
        webbrowser.open(answer["url"])


def _has_a_screen() -> bool:
    """Tell whether a browser would be seen: without a screen Python would find one for text."""
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
