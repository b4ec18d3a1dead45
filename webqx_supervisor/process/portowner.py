"""Who holds a TCP port, so that the culprit is named before a worker fails on it."""

import contextlib
import errno
import shlex
import socket
from dataclasses import dataclass

from webqx_supervisor.model.errors import CannotStart

# Linux needs only the wildcards; BSDs let a wildcard share its port with a loopback address.
_PLACES = (
    (socket.AF_INET, "0.0.0.0"),  # noqa: S104 - bound for an instant, never listened on
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET6, "::"),
    (socket.AF_INET6, "::1"),
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with a socket on the port; `command` is its command line."""

    pid: int
    command: str


def check_free(port: int) -> None:
    """Raise CannotStart, naming the holder, when a worker could not listen on `port`.

    Takes microseconds when the port is free.
    """
    if is_free(port):
        return
    found = holder(port)
    if found is None:
        raise CannotStart(f"port {port} is held by a process of another user (sudo ss -tlnp)")
    raise CannotStart(f"port {port} is held by pid {found.pid} ({found.command})")


def is_free(port: int) -> bool:
    """Say whether a worker could listen on `port`."""
    return all(_can_bind(family, host, port) for family, host in _PLACES)


def holder(port: int) -> Holder | None:
    """Return who holds the port, a listener rather than a mere connection.

    None when nobody does or when it is not visible to this user. Blocks for some 10 ms.
    """
    import psutil  # noqa: PLC0415 - only for this error; without it the daemon is 1 MB smaller

    try:
        sockets = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS shows this to root only
        return None
    ours = [each for each in sockets if each.pid and each.laddr and each.laddr.port == port]
    ours.sort(key=lambda each: each.status != psutil.CONN_LISTEN)
    return _describe(ours[0].pid) if ours and ours[0].pid else None


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((host, port))
    except OSError as error:
        # Everything else (no IPv6 here, a port only for root) says nothing about a holder.
        return error.errno != errno.EADDRINUSE
    return True


def _describe(pid: int) -> Holder:
    import psutil  # noqa: PLC0415 - as in holder()

    command = ""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        command = shlex.join(process.cmdline()) or process.name()
    return Holder(pid, command or "ended just now")
