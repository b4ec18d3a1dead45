"""What the next daemon must know to go on where this one stopped: journal.json in the state folder.

Two questions are answered apart: what a person asked for beyond services.toml (`orders`), and
which processes there are (`workers`, `proxies`), each with its start time and the boot it
belongs to, so that a recycled pid is never taken for ours.
"""

import functools
import json
import logging
from dataclasses import dataclass, fields
from pathlib import Path

from webqx_supervisor.config.places import write_atomically
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.gateway import Pause
from webqx_supervisor.model.status import WorkerState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker that has exited and is not to be started again; `well`: with success."""

    instance: int
    well: bool
    reason: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for by hand, `scale` and `stop`; and which workers are done."""

    service: str
    instances: int
    stopped: bool
    finished: tuple[Finished, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerEntry:
    """One living worker process. `started_at` is Unix time in seconds."""

    service: str
    instance: int
    port: int | None
    pid: int
    start_time: int
    cookie: str
    state: WorkerState
    restarts: int
    started_at: float
    cgroup: str = ""


@dataclass(frozen=True, slots=True)
class ProxyEntry:
    """One living proxy; `link` is the name of its link in the fd store."""

    pid: int
    start_time: int
    link: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Entries:
    """The whole journal."""

    boot_id: str = ""
    orders: tuple[Order, ...] = ()
    workers: tuple[WorkerEntry, ...] = ()
    proxies: tuple[ProxyEntry, ...] = ()
    pauses: tuple[Pause, ...] = ()
    renewing: bool = False
    """The proxies are of older code than the next daemon, which is to replace them."""


_NAMES = tuple(field.name for field in fields(Entries))


def write(path: Path, entries: Entries) -> None:
    """Replace the journal. A disk that is full costs the journal, not the daemon."""
    try:
        write_atomically(path, _text(entries).encode(), durable=False)
    except OSError as error:
        log.warning("cannot write the journal %s: %s", path, error)


def read(path: Path) -> Entries:
    """Return the journal; an empty one where there is none, or none that can be read."""
    try:
        return from_plain(Entries, json.loads(path.read_bytes()))
    except FileNotFoundError:
        return Entries()
    except (OSError, ValueError, TypeError) as error:
        log.warning("cannot read the journal %s: %s", path, error)
        return Entries()


def _text(entries: Entries) -> str:
    """Return the JSON of all, put together of the text of each.

    Every start writes the whole journal, in which nothing else is new: with some hundred workers,
    turning all of them into text each time would be most of what the starts cost the daemon.
    """
    return "{" + ", ".join(f'"{name}": {_value(getattr(entries, name))}' for name in _NAMES) + "}"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_entry(each) for each in value) + "]"
    return json.dumps(value)


@functools.lru_cache(maxsize=2048)
def _entry(entry: Order | WorkerEntry | ProxyEntry) -> str:
    return json.dumps(to_plain(entry))
