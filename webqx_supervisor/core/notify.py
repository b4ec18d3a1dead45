"""What a datagram of sd_notify(3) says: lines of NAME=value."""

import re
from dataclasses import dataclass

from webqx_supervisor.core.printable import printable

LONGEST_STATUS = 200
"""Characters of STATUS= that are kept."""
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. Times in s; None and "": nothing is said of it. Names not known are ignored."""

    ready: bool = False
    reloading: bool = False
    stopping: bool = False
    status: str | None = None
    alive: bool = False
    """WATCHDOG=1."""
    trigger: bool = False
    """WATCHDOG=trigger: it takes itself for hung."""
    watchdog: float | None = None
    """The time that it wants to have from one WATCHDOG=1 to the next."""
    extend: float = 0.0
    main_pid: str = ""
    barrier: bool = False


def parse(datagram: bytes) -> Notice:
    """Read a datagram; of a name that comes twice the last value counts, as in systemd."""
    lines = datagram.decode("utf-8", "replace").split("\n")
    said = {name: value for name, equals, value in (ln.partition("=") for ln in lines) if equals}
    return Notice(
        ready=said.get("READY") == "1",
        reloading=said.get("RELOADING") == "1",
        stopping=said.get("STOPPING") == "1",
        status=printable(said["STATUS"][:LONGEST_STATUS]) if "STATUS" in said else None,
        alive=said.get("WATCHDOG") == "1",
        trigger=said.get("WATCHDOG") == "trigger",
        watchdog=_seconds(said.get("WATCHDOG_USEC", "")),
        extend=_seconds(said.get("EXTEND_TIMEOUT_USEC", "")) or 0.0,
        main_pid=said.get("MAINPID", ""),
        barrier=said.get("BARRIER") == "1",
    )


def _seconds(microseconds: str) -> float | None:
    return int(microseconds) / 1e6 if _NUMBER.fullmatch(microseconds) else None
