"""How keeper and daemon are started, by whoever starts them: the command lines of both."""

import sys
from collections.abc import Iterable
from pathlib import Path

KEEPER = Path(__file__).parent.parent / "keeper" / "main.py"


def keeper_command(
    state_dir: Path,
    stored: Iterable[tuple[str, int]],
    *,
    after: int | None = None,
    keeper: Path = KEEPER,
) -> list[str]:
    """Return what starts a keeper that holds the (name, descriptor) pairs `stored`.

    It starts the daemon at once, or when the descriptor `after` ends: then the daemon before it
    is gone.
    """
    command = [*keeper_python(keeper), "--state", str(state_dir)]
    if after is not None:
        command += ["--after", str(after)]
    for name, fd in stored:
        command += ["--stored", f"{fd}={name}"]
    return [*command, "--", *daemon_command(state_dir)]


def keeper_python(keeper: Path = KEEPER) -> list[str]:
    """Return how the keeper's file is run."""
    # -I and -S: the keeper is standard library only and stays small, whatever the environment.
    return [sys.executable, "-I", "-S", str(keeper)]


def daemon_command(state_dir: Path) -> list[str]:
    """Return what starts the daemon of a state folder."""
    # -P: a trio.py in the folder of the user must not become ours.
    return [sys.executable, "-P", "-m", "webqx_supervisor.daemon", str(state_dir)]
