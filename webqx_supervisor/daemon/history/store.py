"""History in a file of SQLite. Every method blocks: call them in a thread, one at a time."""

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType

from webqx_supervisor.core.thinning import thinned
from webqx_supervisor.model.history import Point, Tally

FINE, COARSE = 10, 600
"""s between two points of each table, which is named after them."""
KEPT = MappingProxyType({FINE: 86400, COARSE: 30 * 86400})
"""For how many s the points of a table are kept."""
FOREVER = 1e12
MOST_POINTS = 2000
"""In one answer; of more, neighbours are made one."""

_SUMS = "sum(up_s), sum(due_s), sum(requests), sum(errors)"
_COLUMNS = tuple(field.name for field in fields(Point))
_values = attrgetter(*_COLUMNS)  # what astuple() gives, in a thirtieth of its time


class Store:
    """The file at `path`; one that cannot be read is put aside and begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.put_aside = False
        """Whether what was there could not be read."""
        try:
            self._base = self._open()
        except sqlite3.DatabaseError:
            self.put_aside = True
            path.replace(path.with_name(f"{path.name}.broken"))
            for kind in ("wal", "shm"):
                path.with_name(f"{path.name}-{kind}").unlink(missing_ok=True)
            self._base = self._open()

    def add(self, table: int, points: Iterable[tuple[str, Point]]) -> None:
        """Write the points of some services. Raises sqlite3.Error when the disk is full."""
        places = ", ".join("?" * (len(_COLUMNS) + 1))
        with self._base:
            self._base.executemany(
                f"INSERT OR REPLACE INTO p{table} VALUES ({places})",  # noqa: S608 - our own numbers
                [(service, *_values(point)) for service, point in points],
            )

    def prune(self, now: float) -> None:
        """Remove what is too old."""
        with self._base:
            for table, life in KEPT.items():
                self._base.execute(f"DELETE FROM p{table} WHERE at < ?", (now - life,))  # noqa: S608

    def points(self, table: int, service: str, since: float, until: float) -> list[Point]:
        """Return the points of a service, oldest first, MOST_POINTS at most."""
        found = self._base.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM p{table}"  # noqa: S608 - as above
            " WHERE service = ? AND at > ? AND at <= ? ORDER BY at",
            (service, since, until),
        ).fetchall()
        return thinned([Point(*row) for row in found], MOST_POINTS)

    def add_coarse(self, points: Iterable[tuple[str, Point]]) -> None:
        """Write points whose sums are those of the finer ones since the coarse point before.

        So nothing is lost of what was before a restart of the daemon, nor counted twice.
        """
        rows = []
        for service, point in points:
            sums = self._sums(FINE, service, self._last(service), point.at)
            rows.append((service, replace(point, **asdict(sums))))
        self.add(COARSE, rows)

    def tally(self, service: str, since: float) -> Tally:
        """Return what has been of a service since then: by coarse points, and fine ones after."""
        newest = self._base.execute(f"SELECT max(at) FROM p{FINE}").fetchone()[0] or 0  # noqa: S608
        if newest - since <= KEPT[FINE]:
            return self._sums(FINE, service, since)
        recent = self._sums(FINE, service, max(since, self._last(service)))
        return self._sums(COARSE, service, since) + recent

    def _last(self, service: str) -> float:
        """Return the time of the latest coarse point of a service, 0 if there is none."""
        latest = f"SELECT max(at) FROM p{COARSE} WHERE service = ?"  # noqa: S608 - as above
        return self._base.execute(latest, (service,)).fetchone()[0] or 0

    def _sums(self, table: int, service: str, since: float, until: float = FOREVER) -> Tally:
        row = self._base.execute(
            f"SELECT {_SUMS} FROM p{table} WHERE service = ? AND at > ? AND at <= ?",  # noqa: S608
            (service, since, until),
        ).fetchone()
        return Tally(*(each or 0 for each in row))

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def _open(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._path, check_same_thread=False)
        try:
            self._path.chmod(0o600)
            # A crash of the machine may cost the last seconds, not the file: sqlite.org/wal.html.
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            columns = ", ".join(_COLUMNS)
            for table in KEPT:
                base.execute(
                    f"CREATE TABLE IF NOT EXISTS p{table} (service TEXT, {columns},"
                    " PRIMARY KEY (service, at)) WITHOUT ROWID"
                )
                base.execute(f"SELECT {columns} FROM p{table} LIMIT 1")  # noqa: S608 - is it ours?
        except sqlite3.DatabaseError:
            base.close()
            raise
        return base
