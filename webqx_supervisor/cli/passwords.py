"""The verb `hash-password`: a line for the file that `basic_auth` names."""

import sys

import click

from webqx_supervisor.core.passwords import LONGEST_PASSWORD
from webqx_supervisor.model.errors import UsageError

COST = 12
"""Of bcrypt: a quarter of a second for whoever guesses, once a client for the proxy."""


@click.command("hash-password")
@click.argument("name")
def hash_password(name: str) -> None:
    """Print `NAME:HASH` for a password that is asked for, or is the first line of stdin."""
    import bcrypt

    if not name or ":" in name or not name.isprintable():
        raise UsageError("a name holds no colon and no control characters")
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    octets = password.encode()
    if not 0 < len(octets) <= LONGEST_PASSWORD or b"\0" in octets:
        raise UsageError(f"wanted a password of 1 to {LONGEST_PASSWORD} bytes")
    click.echo(f"{name}:{bcrypt.hashpw(octets, bcrypt.gensalt(COST)).decode()}")
