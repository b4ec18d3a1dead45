"""Start a process, or take over one that runs: either way its end is known from the kernel."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import trio

from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.quota import Account
from webqx_supervisor.process import enter
from webqx_supervisor.process.handle import Handle
from webqx_supervisor.process.identity import Identity, identify
from webqx_supervisor.process.refusal import explain


@dataclass(frozen=True, slots=True)
class Entry:
    """What a process takes on itself before it becomes its command (process.enter).

    One that differs from `Entry()` costs the start of an interpreter, some 15 ms.
    """

    descriptors: tuple[tuple[int, int], ...] = ()
    """(number that the process is to see, 3 or more; descriptor of the caller's) pairs."""
    pid_variable: str = ""
    """The environment variable that is to hold the process's own pid, see sd_listen_fds(3); of
    several, the names stand apart by blanks."""
    cgroup: str = ""
    """The folder of the cgroup that it joins; "": it stays where the caller is."""
    tmp: str = ""
    """A folder whose `tmp` and `var-tmp` it sees as /tmp and /var/tmp."""
    rlimits: tuple[tuple[str, int], ...] = ()
    """Limits of setrlimit(2) by name, `nofile`, and value; -1 is unlimited."""
    nice: int | None = None
    ioprio: int | None = None
    """Class and level as ioprio_set(2) takes them."""
    cpus: tuple[int, ...] = ()
    umask: int | None = None
    account: Account | None = None
    """Whom it becomes: root can become anybody, anybody else only who they are."""
    no_new_privileges: bool = False
    terminal: bool = False
    """Whether the descriptor of stdout is the slave of a terminal, which is to be its own, and its
    standard input as well: then Ctrl-C and job control work."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start. `stdout` and `stderr` are file descriptors and stay the caller's.

    `env` is the whole environment and its PATH is searched; `keep` names further descriptors
    that the process inherits under their numbers.
    """

    command: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdout: int
    stderr: int
    keep: tuple[int, ...] = ()
    entry: Entry = Entry()


class Process(Protocol):
    """A running process, whoever started it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def identity(self) -> Identity:
        """What names it for good."""

    async def wait(self) -> Exit:
        """Return how it ended, once it has; any number of tasks may wait."""

    def send_signal(self, number: int) -> None:
        """Send a signal to this process alone; nothing happens when it has ended."""


class Child:
    """A process that this program started."""

    def __init__(self, process: trio.Process, identity: Identity) -> None:
        self._process = process
        self._identity = identity

    def __repr__(self) -> str:
        return f"<Child {self.pid}>"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def identity(self) -> Identity:
        """What names it for good."""
        return self._identity

    async def wait(self) -> Exit:
        """Return how it ended, once it has; any number of tasks may wait."""
        return Exit.from_returncode(await self._process.wait())

    def send_signal(self, number: int) -> None:
        """Send a signal to this process alone; nothing happens when it has ended."""
        self._process.send_signal(number)  # a child keeps its pid until it is waited for


class Adopted:
    """A process that another program started.

    Only its parent learns its exit status (waitid(2)), so `status(pid)` is asked for it after
    the end; without that the Exit is unknown. `status` may be asked again by another waiter
    when the first is cancelled.
    """

    def __init__(
        self, handle: Handle, status: Callable[[int], Awaitable[Exit]] | None = None
    ) -> None:
        self._handle = handle
        self._status = status
        self._exit: Exit | None = None
        self._lock = trio.Lock()

    def __repr__(self) -> str:
        return f"<Adopted {self.pid}>"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._handle.identity.pid

    @property
    def identity(self) -> Identity:
        """What names it for good."""
        return self._handle.identity

    async def wait(self) -> Exit:
        """Return how it ended, once it has; any number of tasks may wait."""
        async with self._lock:
            if self._exit is None:
                await self._handle.wait()
                self._exit = Exit() if self._status is None else await self._status(self.pid)
                self._handle.close()
            return self._exit

    def send_signal(self, number: int) -> None:
        """Send a signal to this process alone; nothing happens when it has ended."""
        self._handle.send_signal(number)


async def start(launch: Launch) -> Child:
    """Start a process in a session of its own; without a terminal, nothing is on its input.

    Raises CannotStart with a sentence on what to correct.
    """
    if launch.entry == Entry():
        return await _start(launch, launch.command, launch.keep)
    reading, report = os.pipe()
    try:
        child = await _start_by_entry(launch, report)
        fault = await _told(child, reading)
    finally:
        os.close(reading)
    if fault:
        await child.wait()
        raise _refusal(launch, json.loads(fault))
    return child


async def _start(launch: Launch, command: tuple[str, ...], keep: tuple[int, ...]) -> Child:
    try:
        process = await trio.lowlevel.open_process(
            list(command),
            cwd=launch.cwd,
            env=launch.env,
            stdin=launch.stdout if launch.entry.terminal else subprocess.DEVNULL,
            stdout=launch.stdout,
            stderr=launch.stderr,
            start_new_session=True,
            pass_fds=keep,
        )
    except OSError as error:
        raise _unrunnable(launch, error) from error
    except ValueError as error:  # a null byte, or "=" in a variable's name
        raise CannotStart(f"{launch.command[0]} cannot be run: {error}") from error
    identity = identify(process.pid)
    assert identity is not None, "a child that nobody has waited for is in the process table"
    return Child(process, identity)


async def _start_by_entry(launch: Launch, report: int) -> Child:
    """Start the command behind process.enter, which tells by the pipe `report`; closes that."""
    settings = asdict(launch.entry) | {"report": report, "locale": launch.env.get("LC_CTYPE")}
    program = (sys.executable, "-I", "-S", enter.__file__, json.dumps(settings))
    given = tuple(descriptor for _, descriptor in launch.entry.descriptors)
    try:
        return await _start(launch, program + launch.command, (*launch.keep, *given, report))
    finally:
        os.close(report)


async def _told(child: Child, pipe: int) -> bytes:
    """Read to the end, which comes once the command runs; one that nobody waits for is ended."""
    told = b""
    try:
        while True:
            await trio.lowlevel.wait_readable(pipe)
            piece = os.read(pipe, 4096)
            if not piece:
                return told
            told += piece
    except trio.Cancelled:
        child.send_signal(signal.SIGKILL)
        with trio.CancelScope(shield=True):
            await child.wait()
        raise


def _refusal(launch: Launch, fault: Mapping[str, Any]) -> CannotStart:
    if "text" in fault:
        return CannotStart(fault["text"])
    return _unrunnable(launch, OSError(fault["errno"], os.strerror(fault["errno"])))


def _unrunnable(launch: Launch, error: OSError) -> CannotStart:
    user = launch.entry.account.name if launch.entry.account else ""
    program = launch.command[0]
    if launch.entry.tmp and program.startswith(("/tmp/", "/var/tmp/")):  # noqa: S108 - not used
        return CannotStart(f"{program} is in /tmp, of which `private_tmp` shows nothing")
    return CannotStart(explain(launch.command, launch.cwd, launch.env, error, user))


def adopt(
    identity: Identity, status: Callable[[int], Awaitable[Exit]] | None = None
) -> Adopted | None:
    """Take over a process that an earlier daemon started; None when it has ended."""
    handle = Handle.open(identity)
    return None if handle is None else Adopted(handle, status)
