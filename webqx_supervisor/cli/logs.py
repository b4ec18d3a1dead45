"""The verb `logs`: it reads the files itself, so that no search costs the daemon anything."""

import heapq
import json
import re
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from webqx_supervisor.cli import accesslog, suggest
from webqx_supervisor.cli.options import (
    COUNT,
    call,
    file_option_beside_n,
    follow_option,
    json_option,
)
from webqx_supervisor.config.files import locate
from webqx_supervisor.config.units import seconds
from webqx_supervisor.core import loglines
from webqx_supervisor.core.loglines import LEVELS, Entry, entry, moment
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.model.service import LogFormat, LogOutput
from webqx_supervisor.process.lines import moment as written
from webqx_supervisor.process.reading import Reader

LINES = 100
LOOK = 0.2
"""How often, in seconds, the files are looked at while nothing comes."""
SEEK = 1.0
"""How often, in seconds, the daemon is asked for workers that are new."""
COLORS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta")


class _Moment(click.ParamType[float]):
    """Unix time in seconds, written as a time of UTC, or as how long ago it was."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read "10m", "21:10", "2026-11-23" or "2026-11-23T21:10:00.123Z"."""
        today = datetime.now(UTC).date().isoformat()
        for text in (value, f"{today}T{value}"):
            with suppress(ValueError):
                at = datetime.fromisoformat(text)
                return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        with suppress(ValueError):
            return time.time() - seconds(value)
        return self.fail(
            f'wanted "10m", "21:10" or "2026-11-23T21:10", in UTC; found {value!r}', param, ctx
        )


MOMENT = _Moment()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are shown. `since` and `until` are stamps, empty where there is no limit."""

    since: bytes = b""
    until: bytes = b""
    pattern: re.Pattern[str] | None = None
    level: str | None = None

    def __bool__(self) -> bool:
        return self != Wanted()

    def takes(self, line: bytes, form: LogFormat) -> bool:
        """Say whether a stored line is one of them."""
        at = moment(line)
        if at < self.since or (self.until and at >= self.until):
            return False
        if self.pattern:
            said = loglines.text(line).decode("utf-8", "replace")
            if not self.pattern.search(said):
                return False
        return self.level is None or _rank(entry(line), form) >= LEVELS.index(self.level)


@dataclass(frozen=True, slots=True)
class Source:
    """One file of one worker, from a place on."""

    row: dict[str, Any]
    reader: Reader
    wanted: Wanted

    @property
    def form(self) -> LogFormat:
        """How the worker writes."""
        return LogFormat(self.row["format"])

    def takes(self, line: bytes) -> bool:
        """Say whether a line is wanted."""
        return self.wanted.takes(line, self.form)

    def last(self, n: int, since: float) -> list[tuple[bytes, "Source"]]:
        """Return the last `n` lines that are wanted, each with this source."""
        takes = self.takes if self.wanted else None
        return [(line, self) for line in self.reader.last(n, takes, since)]

    def all(self, since: float) -> Iterator[tuple[bytes, "Source"]]:
        """Yield all that are wanted so far."""
        return ((line, self) for line in self.reader.all(since) if self.takes(line))

    def more(self) -> list[tuple[bytes, "Source"]]:
        """Return those that have come since."""
        lines = (line + b"\n" for line in self.reader.read().split(b"\n")[:-1])
        return [(line, self) for line in lines if self.takes(line)]


@dataclass(slots=True)
class Screen:
    """Where lines are shown, and how."""

    as_json: bool
    color: bool
    services: list[str] = field(default_factory=list)
    labelled: bool = False

    def meet(self, rows: Iterable[dict[str, Any]]) -> None:
        """Learn who there is: names stand before the lines once there are two."""
        workers = {(row["service"], row["instance"]) for row in rows}
        self.services += sorted({name for name, _ in workers} - {*self.services})
        self.labelled = self.labelled or len(workers) > 1

    def show(self, lines: Iterable[tuple[bytes, Source]]) -> None:
        """Print lines, each as it was stored where nothing else is asked for."""
        render = self._as_json if self.as_json else self._as_text
        sys.stdout.buffer.writelines(render(line, source) for line, source in lines)
        sys.stdout.buffer.flush()

    def _as_text(self, line: bytes, source: Source) -> bytes:
        name = source.row["service"]
        if line.startswith(b"{") or source.form is not LogFormat.TEXT:
            said = entry(line)
            if said.time:
                text = loglines.readable(said.text, source.form, said.stream)
                line = f"{said.time} {said.stream} ".encode() + text + b"\n"
        if not self.labelled:
            return line
        label = f"{name}:{source.row['instance']} | "
        if self.color:
            label = click.style(label, fg=COLORS[self.services.index(name) % len(COLORS)])
        return label.encode() + line

    def _as_json(self, line: bytes, source: Source) -> bytes:
        said = entry(line)
        value = {
            "time": said.time,
            "service": source.row["service"],
            "instance": source.row["instance"],
            "stream": said.stream,
            "level": loglines.level(said.text, source.form, said.stream),
            "line": said.text.decode("utf-8", "replace"),
        }
        if said.pid:
            value["pid"] = said.pid
        if known := loglines.fields(said.text, source.form):
            value["fields"] = known
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


@click.command()
@click.argument(
    "workers", nargs=-1, metavar="[SERVICE[:INSTANCE]]...", shell_complete=suggest.workers
)
@follow_option
@click.option(
    "-n", "last", type=COUNT, help="How many lines to begin with; 100, or all with --since."
)
@click.option("--since", type=MOMENT, help="From then on: `10m` (ago), or a time, in UTC.")
@click.option("--until", type=MOMENT, help="Only what is older than that.")
@click.option("--grep", "pattern", metavar="REGEX", help="Only lines in which this is found.")
@click.option(
    "--level", type=click.Choice(LEVELS, case_sensitive=False), help="Only lines so grave or more."
)
@click.option("--access", is_flag=True, help="The proxies' access log, with -n, -f and --grep.")
@file_option_beside_n
@json_option
def logs(
    workers: tuple[str, ...],
    file: Path,
    *,
    follow: bool,
    access: bool,
    as_json: bool,
    **only: Any,
) -> None:
    """Show what the workers wrote: of all, of some services, of single workers."""
    last, since = only["last"], only["since"]
    if access:
        if workers or as_json or since or only["until"] or only["level"]:
            raise click.UsageError("--access goes with -n, -f and --grep alone")
        with suppress(KeyboardInterrupt):
            path = locate(file).logs / "access.log"
            count = LINES if last is None else last
            accesslog.show(path, count, _compiled(only["pattern"]), follow=follow)
        return
    if follow and only["until"] is not None:
        raise click.UsageError("--until has no sense with --follow")
    if last is None and since is None:
        last = LINES
    pattern = _compiled(only["pattern"])
    wanted = Wanted(_stamp(since), _stamp(only["until"]), pattern, only["level"])
    color = click.get_current_context().color
    color = sys.stdout.isatty() if color is None else color
    view = _View(partial(_ask, file, workers), wanted, Screen(as_json, color))
    with suppress(KeyboardInterrupt):
        _allow_many_files()
        view.begin(last, since or 0.0)
        while follow:
            view.go_on()


class _View:
    """The files that are read, which may become more; `ask` gives the daemon's rows."""

    def __init__(self, ask: partial[list[dict[str, Any]]], wanted: Wanted, screen: Screen) -> None:
        self._ask = ask
        self._wanted = wanted
        self._screen = screen
        self._began = written(time.time()).encode()
        self._sources: dict[str, Source] = {}
        self._look_again = time.monotonic() + SEEK

    def begin(self, last: int | None, since: float) -> None:
        rows = self._ask()
        self._screen.meet(rows)
        for row in rows:
            if row["output"] == LogOutput.JOURNALD:
                _point_to_journald(row)
            for path in row["files"]:
                self._sources[path] = Source(row, Reader("", Path(path)), self._wanted)
        sources = self._sources.values()
        if last is None:
            self._screen.show(heapq.merge(*(each.all(since) for each in sources), key=_order))
        elif last:
            lines = heapq.merge(*(each.last(last, since) for each in sources), key=_order)
            self._screen.show(list(lines)[-last:])

    def go_on(self) -> None:
        if time.monotonic() >= self._look_again:
            self._find_new()
        lines = [each for source in self._sources.values() for each in source.more()]
        if lines:
            self._screen.show(sorted(lines, key=_order))
        else:
            time.sleep(LOOK)

    def _find_new(self) -> None:
        """Take in workers that have been added; whoever has left may come back."""
        self._look_again = time.monotonic() + SEEK
        with suppress(WebqxError):  # the daemon may be on its way back
            rows = self._ask()
            self._screen.meet(rows)
            for row in rows:
                for path in {*row["files"]} - self._sources.keys():
                    reader = Reader.since("", Path(path), self._began)
                    self._sources[path] = Source(row, reader, self._wanted)


def _allow_many_files() -> None:
    """Each of perhaps hundreds of logs is read from all its files at once."""
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _ask(file: Path, workers: tuple[str, ...]) -> list[dict[str, Any]]:
    query = f"?{urlencode({'worker': ','.join(workers)})}" if workers else ""
    rows: list[dict[str, Any]] = call(file, "GET", f"/logfiles{query}")["workers"]
    return rows


def _order(line: tuple[bytes, Source]) -> bytes:
    return moment(line[0])


def _rank(said: Entry, form: LogFormat) -> int:
    return LEVELS.index(loglines.level(said.text, form, said.stream))


def _stamp(at: float | None) -> bytes:
    return b"" if at is None else written(at).encode()


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise click.BadParameter(f"no regular expression: {error}", param_hint="--grep") from None


def _point_to_journald(row: dict[str, Any]) -> None:
    where = f"WEBQX_SV_SERVICE={row['service']} WEBQX_SV_INSTANCE={row['instance']}"
    click.echo(f"{row['service']}:{row['instance']} writes to: journalctl {where}", err=True)
