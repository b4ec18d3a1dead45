"""A line of the user's crontab, for machines without a service manager: crontab(5), @reboot.

The line runs a small script, as cron takes no line longer than 998 characters, less than a PATH
may have, and reads `%` in its own way.
"""

import shlex

from webqx_supervisor.model.boot import Boot

LONGEST = 998
_MARK = " # webqx-sv: "
_FOR = "# services.toml: "


def script(boot: Boot, log: str) -> str:
    """Return what cron runs at a boot: the environment that it does not have, and a start."""
    exports = (f"export {key}={shlex.quote(text)}" for key, text in boot.environment)
    return "\n".join(
        [
            "#!/bin/sh",
            "# Written by `webqx-sv startup` and run by a line of the crontab.",
            f"{_FOR}{_one_line(boot.file)}",
            *exports,
            f"exec {shlex.join(boot.background)} >{shlex.quote(log)} 2>&1",
            "",
        ]
    )


def line(name: str, script_path: str) -> str:
    """Return the line. Raises ValueError where cron would not take it."""
    words = f"@reboot /bin/sh {shlex.quote(_one_line(script_path))}".replace("%", r"\%")
    whole = f"{words}{_MARK}{name}"
    if len(whole.encode()) > LONGEST:
        raise ValueError(f"{script_path} is too long for a line of a crontab")
    return whole


def with_line(crontab: str, name: str, line_: str) -> str:
    """Return the crontab with this line for `name`, all others as they are."""
    lines = _lines(crontab)
    if [each for each in lines if _is_for(each, name)] == [line_]:
        return crontab  # wherever it stands
    return "\n".join([*(each for each in lines if not _is_for(each, name)), line_, ""])


def without_line(crontab: str, name: str) -> str:
    """Return the crontab without the line for `name`, all others as they are."""
    kept = [each for each in _lines(crontab) if not _is_for(each, name)]
    if kept == _lines(crontab):
        return crontab
    return "\n".join([*kept, ""]) if kept else ""


def has_line(crontab: str, name: str) -> bool:
    """Say whether a crontab starts the daemon of this name."""
    return any(_is_for(each, name) for each in _lines(crontab))


def file_of(text: str) -> str | None:
    """Return the services.toml that a script of ours is for."""
    return next((one.removeprefix(_FOR) for one in text.splitlines() if one.startswith(_FOR)), None)


def programs(text: str) -> tuple[str, ...]:
    """Return the program that a script of ours starts."""
    for one in text.splitlines():
        if one.startswith("exec "):
            return tuple(shlex.split(one)[1:2])
    return ()


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _is_for(text: str, name: str) -> bool:
    return text.startswith("@reboot ") and text.endswith(f"{_MARK}{name}")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} has control characters, which no crontab can hold")
    return text
