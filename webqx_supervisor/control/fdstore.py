"""The daemon's side of systemd's protocol: inherited descriptors, the store, notifications.

sd_listen_fds(3) and sd_notify(3); the keeper and systemd understand the same words. Without
NOTIFY_SOCKET nobody keeps the daemon, and the store quietly takes nothing.
"""

import logging
import os
import re
import socket
from collections.abc import Mapping, Sequence

FIRST_FD = 3  # SD_LISTEN_FDS_START
LOCK = "lock"
"""What the descriptor of the lock in the state folder is called."""
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
SEND_TIMEOUT = 2.0
_NAME = re.compile(r"[!-9;-~]{1,255}")  # ASCII without space, control and the separator ":"

log = logging.getLogger(__name__)


def given() -> list[str]:
    """Return the names of the descriptors that were given to this process, from FIRST_FD on.

    Descriptors without a name are called "unknown", as systemd does.
    """
    pid, number, text = (os.environ.get(variable, "") for variable in VARIABLES)
    if pid != str(os.getpid()) or not number.isdecimal():
        return []
    count = int(number)
    names = text.split(":") if text else []
    return (names + ["unknown"] * count)[:count]


def hand_on(name: str, fd: int) -> None:
    """Give `fd` to the program that this process becomes by execve(2), with all it was given.

    It takes the place of what had the same name. Call it last: the place may be in use here.
    """
    names = given()
    if name not in names:
        names.append(name)
    place = FIRST_FD + names.index(name)
    if place != fd:
        os.dup2(fd, place)
    os.set_inheritable(place, True)
    os.environ |= dict(
        zip(VARIABLES, (str(os.getpid()), str(len(names)), ":".join(names)), strict=True)
    )


def inherited() -> dict[str, list[int]]:
    """Take the descriptors that were given to this process, by name, in the order of the store.

    They are made close-on-exec and the LISTEN_ variables are unset, so that no child takes them
    for its own.
    """
    names = given()
    for variable in VARIABLES:
        os.environ.pop(variable, None)
    found: dict[str, list[int]] = {}
    for fd, name in enumerate(names, FIRST_FD):
        os.set_inheritable(fd, False)
        found.setdefault(name, []).append(fd)
    return found


def watchdog() -> float | None:
    """Return how often, in s, whoever keeps this process wants to hear of it; None: not at all.

    sd_watchdog_enabled(3): half of the time after which it is taken for hung. The variables are
    unset, as no child is meant.
    """
    pid, asked = (os.environ.pop(name, "") for name in ("WATCHDOG_PID", "WATCHDOG_USEC"))
    if pid not in ("", str(os.getpid())) or not asked.isdecimal() or not int(asked):
        return None
    return int(asked) / 1e6 / 2


class FdStore:
    """The descriptors that survive this process, held by the keeper or by systemd.

    Every method returns whether the message went out: a keeper that is gone weakens the next
    start of the daemon, and is no reason to end this one.
    """

    def __init__(self, address: str | None = None) -> None:
        """Speak to `address` (a path, or `@name` in the abstract space), else $NOTIFY_SOCKET.

        The variable is unset: a worker that notifies must not be taken for the daemon.
        """
        self.address = address or os.environ.pop("NOTIFY_SOCKET", "")
        self._kept: list[tuple[str, int, int]] = []  # name, descriptor, inode

    def recall(self, inherited: Mapping[str, Sequence[int]]) -> None:
        """Take in what was kept before this process; it is in the store already."""
        for name, fds in inherited.items():
            self._kept += [(name, fd, os.fstat(fd).st_ino) for fd in fds]

    def kept(self) -> list[tuple[str, int]]:
        """Return (name, descriptor) of all that is in the store and open here as well."""
        return [(name, fd) for name, fd, inode in self._kept if _inode(fd) == inode]

    def push(self, name: str, fd: int) -> bool:
        """Have a copy of `fd` kept under `name`; several may share one name.

        Raises ValueError when systemd would not accept the name.
        """
        self._kept.append((_checked(name), fd, os.fstat(fd).st_ino))
        # Without FDPOLL=0 systemd drops a pipe as soon as its writer is gone, with what is in it.
        return self._send(f"FDSTORE=1\nFDNAME={_checked(name)}\nFDPOLL=0".encode(), (fd,))

    def remove(self, name: str) -> bool:
        """Have every descriptor called `name` closed. Raises ValueError as `push` does."""
        self._kept = [each for each in self._kept if each[0] != name]
        return self._send(f"FDSTOREREMOVE=1\nFDNAME={_checked(name)}".encode())

    def notify(self, state: bytes) -> bool:
        """Say `READY=1`, `STOPPING=1`, `STATUS=...`."""
        return self._send(state)

    def _send(self, state: bytes, fds: Sequence[int] = ()) -> bool:
        if not self.address:
            return False
        address = "\0" + self.address[1:] if self.address[0] == "@" else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
                notifier.settimeout(SEND_TIMEOUT)
                notifier.connect(address)
                socket.send_fds(notifier, [state], list(fds))
        except OSError as error:
            log.warning("the keeper does not take %s: %s", state.partition(b"\n")[0], error)
            return False
        return True


def _inode(fd: int) -> int:
    """Return which file a descriptor stands for; -1 when it is closed."""
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return -1


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a stored descriptor")
    return name
