"""What shall be started at boot, from the services.toml and from where this program stands."""

import os
import pwd
import shlex
import subprocess
import sys

from webqx_supervisor.cli.options import ENVIRONMENT
from webqx_supervisor.model.boot import Boot
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import UsageError, WebqxError

CARRIED = ("PATH", "LANG", "WEBQX_SV_HOME", "PYTHONPATH", "WEBQX_SV_PURE")
"""Variables without which the daemon or its workers would not run as they do in this terminal."""
LAST_REQUESTS = 10.0
"""s that requests in flight may take when everything stops, as in daemon/main.py."""
SPARE = 20.0
LEAST_DESCRIPTORS = 4096


def command() -> tuple[str, ...]:
    """Return this very program, by absolute paths, without its verb."""
    # -P: a folder where somebody stands must not become part of it.
    return (sys.executable, "-P", "-m", "webqx_supervisor")


def boot(config: Config, *, user: str = "") -> Boot:
    """Return what is to be started; with `user` by the system, as this user.

    Raises WebqxError where this installation cannot be started from outside of this terminal.
    """
    wanted = Boot(
        name=config.name,
        file=config.file,
        command=command(),
        environment=_environment(user, config.environment),
        user=user,
        stop_timeout=stop_timeout(config),
        descriptors=descriptors(config),
    )
    _try(wanted)
    return wanted


def stop_timeout(config: Config) -> float:
    """Return how long a stop in good order may take, in s: services stop one after the other."""
    each = (
        service.stop.grace + (service.hooks.timeout if service.hooks.before_stop else 0.0)
        for service in config.services
    )
    return max(90.0, LAST_REQUESTS + sum(each) + SPARE)


def descriptors(config: Config) -> int:
    """Return how many descriptors the daemon may have kept: docs/systemd.md counts them.

    With room to scale to twice of what the file says.
    """
    binds = sum(len(listener.binds) for listener in config.listeners)
    workers = sum(service.instances for service in config.services)
    return max(LEAST_DESCRIPTORS, 2 * (binds + config.proxies + 2 * workers + 2))


def me() -> str:
    """Return the name of the user of this process."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def user_for_system(asked: str | None) -> str:
    """Return as whom a service of the system shall run: who is asked for, who called sudo, root.

    Raises UsageError where there is no such user.
    """
    user = asked or os.environ.get("SUDO_USER") or me()
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise UsageError(f"there is no user {user!r} on this machine") from None
    return user


def as_root(words: list[str]) -> str:
    """Return what runs a verb of this program as root, with the PATH of this terminal."""
    # sudo puts a PATH of its own in place of the user's, which would end up in the unit.
    path = f"PATH={os.environ.get('PATH', os.defpath)}"
    return shlex.join(["sudo", "env", path, *_carried_by_sudo(), *command(), *words])


def _carried_by_sudo() -> list[str]:
    names = [ENVIRONMENT, *(name for name in CARRIED if name not in ("PATH", "LANG"))]
    return [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]


def _environment(user: str, chosen: str) -> tuple[tuple[str, str], ...]:
    names = list(CARRIED)
    if user in ("", me()):
        names.append("XDG_STATE_HOME")  # it says where the state folder is, of this user
    carried = [(name, os.environ[name]) for name in names if os.environ.get(name)]
    return (*carried, *([(ENVIRONMENT, chosen)] if chosen else ()))


def _try(wanted: Boot) -> None:
    """Start the program as it will be started: from elsewhere, with nothing but its environment."""
    try:
        tried = subprocess.run(
            [*wanted.command, "--version"],
            env=dict(wanted.environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = tried.stderr.strip().rpartition("\n")[2] if tried.returncode else ""
    except OSError as error:
        said = str(error.strerror)
    if said or tried.returncode:
        raise WebqxError(
            f"`{shlex.join(wanted.command)}` does not run outside of this terminal: {said}; "
            "install webqx-sv (pip install .), or use the .venv of its checkout"
        )
