"""What to try next, in words that work when pasted into the terminal they are shown in."""

import shlex
import shutil
import sys
from pathlib import Path

from webqx_supervisor.cli.options import DEFAULT_FILE
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.gateway import Protocol

NAME = "webqx-sv"


def hints(file: Path, config: Config) -> str:
    """Return what to try after a start, and how to stop."""
    addresses = [
        f"http://{_reachable(listener.binds[0])}"
        for listener in config.listeners
        if listener.protocol is Protocol.HTTP
    ]
    tries = [f"curl {address}" for address in addresses[:1]]
    tries += [command("status", file), f"{command('logs', file)} -f"]
    first, *others = tries
    return "\n".join([f"try   {first}", *(f"      {each}" for each in others), _stop(file)])


def command(verb: str, file: Path) -> str:
    """Return `webqx-sv VERB` the way it is called here, for this services.toml."""
    words = [_program(), verb]
    if file.absolute() != DEFAULT_FILE.absolute():
        words += ["-c", str(file)]
    return shlex.join(words)


def _program() -> str:
    """Return the plain name if the PATH leads to this very program, else the path used."""
    called, found = Path(sys.argv[0]), shutil.which(NAME)
    if called.name != NAME or (found and called.exists() and called.samefile(found)):
        return NAME
    here = Path.cwd()
    return str(called.relative_to(here) if called.is_relative_to(here) else called)


def _stop(file: Path) -> str:
    return f"stop  {command('stop', file)}"


def _reachable(bind: str) -> str:
    """Turn an address to bind into one to connect to: 0.0.0.0 and :: mean every address here."""
    host, _, port = bind.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - compared only
    return f"{host}:{port}"
