"""The unit of one daemon for systemd; what each line is for stands in docs/systemd.md.

Quoting follows systemd.syntax(7), systemd.service(5) "Command lines" and systemd.unit(5)
"Specifiers".
"""

from webqx_supervisor.model.boot import Boot

PREFIX, SUFFIX = "webqx-sv-", ".service"
STEPS_SINCE = SUBGROUP_SINCE = 254
"""The versions of systemd that wait longer after each failure when told to, and that start the
daemon beside the cgroups of its workers, without which the kernel holds no limits of theirs."""
_FOR = "# services.toml: "
_HEAD = """\
# Written by `webqx-sv startup`, which overwrites it; `webqx-sv unstartup` removes it.
# What is to be different goes into a drop-in: systemctl edit {unit}
"""
_UNIT = """\

[Unit]
Description=webqx-sv: {name}
{after}StartLimitIntervalSec=0

[Service]
Type=notify
{user}{environment}ExecStart={start}
ExecReload={reload}
Restart=on-failure
RestartPreventExitStatus=78
{steps}KillMode=process
TimeoutStopSec={stop_timeout:.0f}
FileDescriptorStoreMax={descriptors}
WatchdogSec=30
TimeoutAbortSec=5
OOMPolicy=continue
Delegate=yes
{subgroup}
[Install]
WantedBy={wanted_by}
"""


def unit_name(name: str) -> str:
    """Return the unit's name for a daemon's."""
    return f"{PREFIX}{name}{SUFFIX}"


def wanted_by(*, system: bool) -> str:
    """Return the target whose start starts the unit; a user's manager has no multi-user.target."""
    return "multi-user.target" if system else "default.target"


def unit(boot: Boot, *, version: int) -> str:
    """Return the unit's text, for this version of systemd.

    With `boot.user` it is one of the system's, else one of the user's own manager. Raises
    ValueError for what cannot be written into a unit.
    """
    system = bool(boot.user)
    environment = (f'Environment="{_escaped(f"{key}={text}")}"\n' for key, text in boot.environment)
    return (
        f"{_HEAD.format(unit=unit_name(boot.name) if system else f'--user {unit_name(boot.name)}')}"
        f"{_FOR}{_plain(boot.file)}\n"
        + _UNIT.format(
            name=boot.name,
            # A user's manager does not know the system's units.
            after="After=network.target\n" if system else "",
            user=f"User={boot.user}\n" if system else "",
            environment="".join(environment),
            start=command_line(boot.foreground),
            reload=command_line((*boot.command, "apply", "-c", boot.file)),
            steps="RestartSteps=6\nRestartMaxDelaySec=5\n" if version >= STEPS_SINCE else "",
            subgroup="DelegateSubgroup=supervisor\n" if version >= SUBGROUP_SINCE else "",
            stop_timeout=boot.stop_timeout,
            descriptors=boot.descriptors,
            wanted_by=wanted_by(system=system),
        )
    )


def command_line(words: tuple[str, ...]) -> str:
    """Return words as a command line of systemd.

    The `:` has every `$` left alone, in the program's own path too, where `$$` would stay two.
    """
    program, *arguments = words
    quoted = [f'":{_escaped(program)}"', *(f'"{_escaped(word)}"' for word in arguments)]
    return " ".join(word if _needs_quotes(word) else word.replace('"', "") for word in quoted)


def file_of(text: str) -> str | None:
    """Return the services.toml that a unit of ours was written for; None: it is not of ours."""
    return next(
        (line.removeprefix(_FOR) for line in text.splitlines() if line.startswith(_FOR)), None
    )


def programs(text: str) -> tuple[str, ...]:
    """Return the program that a unit of ours starts, to be looked for; none if it says none."""
    for line in text.splitlines():
        if line.startswith("ExecStart="):
            return (_first_word(line.removeprefix("ExecStart=")),)
    return ()


def _first_word(line: str) -> str:
    """Undo what `command_line` did to the program."""
    if not line.startswith('"'):
        word = line.partition(" ")[0]
    else:
        end = 1
        while line[end] != '"':
            end += 2 if line[end] == "\\" else 1
        word = line[1:end].replace('\\"', '"').replace("\\\\", "\\")
    return word.removeprefix(":").replace("%%", "%")


def _escaped(text: str) -> str:
    """Return text for between double quotes, where % begins a specifier."""
    return _plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _needs_quotes(word: str) -> bool:
    return any(sign in word[1:-1] for sign in " \\'\";") or len(word) == 2


def _plain(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is no UTF-8, and systemd takes nothing else") from None
    if not text.isprintable():
        raise ValueError(f"{text!r} has control characters, which no unit can hold")
    return text
