"""Bring the keeper to life, once: the lock in the state folder says who may, for whom all wait.

The keeper is started with the lock's descriptor and hands it on to the daemon, so the lock is
free exactly when both are gone. Nothing here knows what the daemon does.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from webqx_supervisor.cli.options import ENVIRONMENT
from webqx_supervisor.config import wanted
from webqx_supervisor.config.files import is_held, locate, prepare, remember
from webqx_supervisor.config.places import Places
from webqx_supervisor.control import fdstore
from webqx_supervisor.control.client import Client
from webqx_supervisor.control.programs import KEEPER, daemon_command, keeper_command
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.process.identity import boot_id

START_DEADLINE = 30.0
STOP_DEADLINE = 60.0
PAUSE, LONG_PAUSE = 0.02, 0.2
"""Between two looks, where it takes a moment and where it may take days; all in seconds."""
LAST_WORDS = 20
"""How many lines of the daemon's log are shown when it dies at its start."""


def ensure(
    places: Places,
    config: Config,
    only: Sequence[str] = (),
    profiles: Sequence[str] = (),
    *,
    keeper: Path = KEEPER,
) -> bool:
    """Have a daemon that answers; return whether this call started it, for `config`.

    A daemon about to leave is waited for, one that is coming up as well. `only` names the
    services to start with; none: all that have no profile, or one of `profiles`. Raises WebqxError
    when no daemon answers within START_DEADLINE.
    """
    prepare(places)
    deadline = time.monotonic() + START_DEADLINE
    while not answers(places):
        lock = _try_lock(places)
        if lock is not None:
            try:
                _leave_word(places, wanted.Wanted(config, tuple(only), tuple(profiles)))
                _start(places, keeper, lock, deadline)
            finally:
                os.close(lock)
            return True
        if time.monotonic() > deadline:
            raise WebqxError(
                f"another start, or a stop, has not come to its end within {START_DEADLINE:g} s; "
                f"see {places.daemon_log}"
            )
        time.sleep(PAUSE)
    return False


def foreground(
    places: Places,
    config: Config,
    only: Sequence[str] = (),
    profiles: Sequence[str] = (),
    *,
    keeper: Path = KEEPER,
) -> NoReturn:
    """Become the keeper; under systemd, which is a keeper itself, become the daemon."""
    prepare(places)
    lock = _own_lock(places)
    if lock is None:
        raise WebqxError(f"it runs already: {places.file}")
    _leave_word(places, wanted.Wanted(config, tuple(only), tuple(profiles)))
    if "NOTIFY_SOCKET" in os.environ:
        _become_daemon(places, lock)
    os.set_inheritable(lock, True)
    _become(keeper_command(places.state_dir, [(fdstore.LOCK, lock)], keeper=keeper))


def resume(places: Places) -> None:
    """Take up what a crashed daemon left with systemd; return if there is no such thing.

    The file may be broken by now, and services may have been stopped by hand: so what was wanted
    stays as it was.
    """
    if fdstore.given() and places.wanted.exists() and (lock := _own_lock(places)) is not None:
        _become_daemon(places, lock)


def await_turn(places: Places) -> None:
    """Under systemd return when no daemon runs any more that was started otherwise.

    To fail would have systemd try again at once, for as long as that one runs.
    """
    if "NOTIFY_SOCKET" not in os.environ or not is_held(places.lock) or fdstore.given():
        return
    wait = f"waiting until the daemon of {places.file} that runs already is stopped"
    fdstore.FdStore(os.environ["NOTIFY_SOCKET"]).notify(f"STATUS={wait}".encode())
    sys.stderr.write(f"{wait} (webqx-sv stop)\n")
    while is_held(places.lock):
        time.sleep(LONG_PAUSE)


def answers(places: Places) -> bool:
    """Return whether the daemon answers; one that is about to leave may break off."""
    try:
        pulse(places)
    except WebqxError:
        return False
    return True


def pulse(places: Places) -> Any:
    """Return how the daemon itself is. Raises DaemonNotRunning."""
    return Client(str(places.socket)).call("GET", "/ping", timeout=START_DEADLINE)


def renew(places: Places, *, proxies: bool) -> Any:
    """Have the daemon give way to one of the code on the disk; return the pulse of that one.

    Raises WebqxError: when that code cannot be loaded, with nothing changed; and when the next
    daemon is not there in time, while all that was started runs on.
    """
    words = {"proxies": proxies}
    old = Client(str(places.socket)).call("POST", "/upgrade", words)["pid"]
    deadline = time.monotonic() + START_DEADLINE
    while True:
        with suppress(WebqxError):
            now = pulse(places)
            if now["pid"] != old and not now.get("renewing"):
                return now
        if time.monotonic() > deadline:
            raise WebqxError(
                f"the next daemon is not ready within {START_DEADLINE:g} s; workers and proxies "
                f"run on. See {places.daemon_log}"
            )
        time.sleep(PAUSE)


def environment(places: Places, asked: str | None) -> str:
    """Return the environment to read the file in: that of the daemon that runs, else the one asked.

    Raises WebqxError where one is asked for and it runs with another.
    """
    present = _present_environment(places)
    if present is None:
        return asked or ""
    if asked is not None and asked != present:
        now = f"in environment `{present}`" if present else "without an environment"
        other = asked or '""'
        raise WebqxError(f"it runs {now}; `webqx-sv apply --env {other}` changes that")
    return present


def in_force(file: Path) -> str:
    """Return the same where nobody asks but WEBQX_SV_ENV, which gives way to what runs."""
    try:
        present = _present_environment(locate(file))
    except WebqxError:
        present = None
    return os.environ.get(ENVIRONMENT, "") if present is None else present


def _present_environment(places: Places) -> str | None:
    """Return the environment of the daemon that runs, None where none does."""
    try:
        return wanted.read(places.wanted).config.environment if answers(places) else None
    except (OSError, ValueError, TypeError):  # an older daemon, say
        return ""


def outdated(places: Places, config: Config) -> bool:
    """Return whether the daemon was last given something else than `config`."""
    try:
        return wanted.read(places.wanted).config != config
    except (OSError, ValueError, TypeError):
        return True


def until_gone(places: Places) -> None:
    """Return when keeper and daemon have ended. Raises WebqxError after STOP_DEADLINE."""
    deadline = time.monotonic() + STOP_DEADLINE
    while (lock := _try_lock(places)) is None:
        if time.monotonic() > deadline:
            raise WebqxError(
                f"the daemon has not ended within {STOP_DEADLINE:g} s; see {places.daemon_log}"
            )
        time.sleep(PAUSE)
    os.close(lock)


def _try_lock(places: Places) -> int | None:
    lock = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _own_lock(places: Places) -> int | None:
    """Return the lock that systemd has kept for us while no daemon lived, else try to get it."""
    names = fdstore.given()
    if fdstore.LOCK in names and places.lock.exists():
        kept = fdstore.FIRST_FD + names.index(fdstore.LOCK)
        if os.path.samestat(os.fstat(kept), places.lock.stat()):
            return kept
    return _try_lock(places)


def _leave_word(places: Places, asked: wanted.Wanted) -> None:
    active = dict.fromkeys((*_still_active(places), *asked.profiles))
    wanted.write(places.wanted, replace(asked, profiles=tuple(active)))
    remember(places)


def _still_active(places: Places) -> tuple[str, ...]:
    """Return the profiles of a daemon that was killed together with its keeper.

    What it started lives and is taken over; an end in order, or a reboot, leaves nothing.
    """
    from webqx_supervisor.daemon import journal

    if journal.read(places.journal).boot_id != boot_id():
        return ()
    try:
        return wanted.read(places.wanted).profiles
    except (OSError, ValueError, TypeError):
        return ()


def _start(places: Places, keeper: Path, lock: int, deadline: float) -> None:
    """Start the keeper in a session of its own, away from this terminal; wait for the daemon."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    log = os.open(places.daemon_log, flags, 0o600)
    try:
        said_before = os.fstat(log).st_size
        process = subprocess.Popen(
            keeper_command(places.state_dir, [(fdstore.LOCK, lock)], keeper=keeper),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=[lock],
            start_new_session=True,
        )
    finally:
        os.close(log)
    while not answers(places):
        late = time.monotonic() > deadline
        if late:
            process.terminate()  # else it would try for ever, and hold the lock
        if late or process.poll() is not None:
            said = places.daemon_log.read_bytes()[said_before:].decode(errors="replace")
            last = "\n".join(said.splitlines()[-LAST_WORDS:])
            raise WebqxError(f"the daemon did not come up; its last words:\n{last}")
        time.sleep(PAUSE)
    process.returncode = 0  # it outlives this process on purpose, so Popen need not warn of it


def _become_daemon(places: Places, lock: int) -> NoReturn:
    """Become the daemon, and have systemd hold the lock as our keeper would.

    Else whoever comes while the daemon is away would start another one.
    """
    store = fdstore.FdStore(os.environ["NOTIFY_SOCKET"])
    store.remove(fdstore.LOCK)
    store.push(fdstore.LOCK, lock)
    fdstore.hand_on(fdstore.LOCK, lock)
    _become(daemon_command(places.state_dir))


def _become(command: list[str]) -> NoReturn:
    os.execv(command[0], command)  # noqa: S606 - the product's own program, no shell
