"""What only a process can do to itself, done between its birth and its command.

spawn.start runs this file as a program of its own, `python -I -S enter.py SETTINGS COMMAND…`, for
processes that are born with an Entry; it becomes the command by execve(2), so the pid stays. It
uses the standard library alone, and little of that: each import is time of every such start.
"""

import fcntl
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

NOT_RUN = 127
"""The exit code where the command could not be run, as a shell's."""


class Refused(Exception):  # noqa: N818 - a word for what happened, as the others are
    """One of the settings cannot be had: which, and why."""


def main(arguments: list[str]) -> None:
    """Take on the settings and become the command; tell what went wrong by the pipe `report`.

    Nothing is written to it, and it is closed, once the command runs.
    """
    settings: Mapping[str, Any] = json.loads(arguments[0])
    command = arguments[1:]
    wanted = dict(settings["descriptors"])
    lowest = max(wanted, default=2) + 1
    report = _copy(settings["report"], lowest)
    try:
        _place(wanted, lowest)
        become(command, _environment(settings))
    except Refused as error:
        fault: dict[str, Any] = {"text": str(error)}
    except OSError as error:
        fault = {"errno": error.errno}
    os.write(report, json.dumps(fault).encode())
    sys.exit(NOT_RUN)


def become(command: list[str], env: Mapping[str, str]) -> None:
    """Run the command in this process's place. Raises OSError."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by this interpreter, and it is inherited
        signal.signal(ignored, signal.SIG_DFL)
    os.execvpe(command[0], command, env)  # noqa: S606 - no shell is the point


def _environment(settings: Mapping[str, Any]) -> dict[str, str]:
    env = dict(os.environ)
    env.pop("LC_CTYPE", None)  # set by this interpreter (PEP 538)
    if settings["locale"] is not None:
        env["LC_CTYPE"] = settings["locale"]
    for name in settings["pid_variable"].split():
        env[name] = str(os.getpid())
    return env


def _place(wanted: Mapping[int, int], lowest: int) -> None:
    """Give each descriptor the number that it is wanted under; numbers from `lowest` on are free.

    They may be given in any order, under each other's numbers.
    """
    copies = {number: _copy(given, lowest) for number, given in wanted.items()}
    for number, copy in copies.items():
        os.dup2(copy, number)  # is inherited, which the copy is not


def _copy(descriptor: int, lowest: int) -> int:
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
    os.close(descriptor)
    return copy


if __name__ == "__main__":
    main(sys.argv[1:])
