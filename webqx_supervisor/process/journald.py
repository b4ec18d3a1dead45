"""Lines to journald, by its native protocol: one datagram an entry, each field `NAME=value`.

Source: systemd.io/JOURNAL_NATIVE_PROTOCOL. No line holds a line end, so no field needs the binary
form.
"""

import logging
import socket
import time
from pathlib import Path

from webqx_supervisor.core.loglines import level
from webqx_supervisor.model.service import LogFormat
from webqx_supervisor.process.lines import Origin

SOCKET = Path("/run/systemd/journal/socket")
PATIENCE = 0.2
"""How long, in seconds, a line waits for a journald that is busy."""
RETRY = 5.0
"""How long a journald that did not take a line is left alone."""
PRIORITIES = {"trace": 7, "debug": 7, "info": 6, "warn": 4, "error": 3, "fatal": 2}

log = logging.getLogger(__name__)


class Journald:
    """The way there, for all workers; used by one thread."""

    def __init__(self, path: Path = SOCKET) -> None:
        self.reason = ""
        """Why it took nothing when it was last tried."""
        self._path = path
        self._socket: socket.socket | None = None
        self._not_before = 0.0

    def send(self, lines: bytes, stream: str, origin: Origin, form: LogFormat) -> bytes:
        """Send whole lines; return those that it does not take, for want of a journald, say."""
        if time.monotonic() < self._not_before:
            return lines
        head = (
            f"SYSLOG_IDENTIFIER={origin.service}\nSYSLOG_PID={origin.pid}\n"
            f"WEBQX_SV_SERVICE={origin.service}\nWEBQX_SV_INSTANCE={origin.instance}\n"
            f"WEBQX_SV_STREAM={stream}\nPRIORITY="
        )
        begin = 0
        try:
            door = self._door()
            while begin < len(lines):
                end = lines.index(b"\n", begin) + 1
                line = lines[begin:end]
                door.send(
                    f"{head}{PRIORITIES[level(line, form, stream)]}\nMESSAGE=".encode() + line
                )
                begin = end
            self.reason = ""
        except OSError as error:
            self._give_up(error)
        return lines[begin:]

    def close(self) -> None:
        """Hang up."""
        door, self._socket = self._socket, None
        if door is not None:
            door.close()

    def _door(self) -> socket.socket:
        if self._socket is None:
            door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                door.settimeout(PATIENCE)
                door.connect(str(self._path))
            except OSError:
                door.close()
                raise
            self._socket = door
        return self._socket

    def _give_up(self, error: OSError) -> None:
        self.close()
        reason = error.strerror or str(error)
        if self.reason != reason:
            log.warning("journald takes no lines, the log files do: %s", reason)
        self.reason = reason
        self._not_before = time.monotonic() + RETRY
