"""Read services.toml in a child process: the daemon never carries the validator's weight."""

import json
import subprocess
import sys

import trio

from webqx_supervisor.model.codec import from_plain
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import ConfigError, Problem, WebqxError

TIME_LIMIT = 30.0


async def compile_apart(file: str, environment: str = "") -> Config:
    """Return the Config of the file in that environment.

    Raises ConfigError with every problem in it.
    """
    with trio.move_on_after(TIME_LIMIT):
        done = await trio.run_process(
            [sys.executable, "-P", "-m", "webqx_supervisor.config", file, environment],
            capture_stdout=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return _read(file, done.stdout)
    raise WebqxError(f"{file} could not be read within {TIME_LIMIT:g} s")


def _read(file: str, printed: bytes) -> Config:
    try:
        answer = json.loads(printed)
    except ValueError:
        raise WebqxError(f"{file} could not be read; the daemon's log says why") from None
    if "problems" in answer:
        raise ConfigError([from_plain(Problem, problem) for problem in answer["problems"]])
    return from_plain(Config, answer["config"])
