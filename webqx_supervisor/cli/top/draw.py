"""How it looks: rows and view to what rich prints, to the line for the size of the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from types import MappingProxyType
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from webqx_supervisor.cli.render import COLORS, duration, size
from webqx_supervisor.cli.top.rows import REMEMBERED, Row
from webqx_supervisor.cli.top.view import HELP, Pane, View

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.-:=+*#"
"""The same where the terminal knows ASCII only."""
_AROUND = 4
"""Lines that are always there: daemon, titles, rule and keys."""
WIDTHS: Mapping[str, int] = MappingProxyType(
    {"STATE": 9, "UP/PID": 7, "RPS": 5, "P50": 5, "P99": 5, "5XX": 4, "FLY": 4, "RST": 4}
    | {"CPU": 5, "MEM": 6}
)
"""The columns between name and graph, from left to right."""
_BY_WORTH = ("STATE", "RPS", "CPU", "MEM", "P99", "5XX", "UP/PID", "FLY", "RST", "P50")
"""Which of them a narrow terminal shows first."""
_LEFT = ("STATE", "UP/PID")
SLOW = 1.0
"""s from which a p99 is coloured."""
LONGEST_NAME = 24
"""Longer ones get what the columns and a graph of GRAPH leave."""
SHORTEST_GRAPH, GRAPH, LONGEST_GRAPH = 5, 20, REMEMBERED


@dataclass(frozen=True, slots=True)
class Screen:
    """All that is drawn. `answer`: the latest of `status`; `trouble`: why there is none now."""

    answer: Mapping[str, Any]
    everything: Sequence[Row]
    """The rows of all services."""
    rows: Sequence[Row]
    """Those of them that the filter lets through."""
    view: View
    pane: Sequence[str]
    trouble: str = ""
    busy: str = ""
    """The order that is being carried out."""


def draw(screen: Screen, width: int, height: int, *, ascii_only: bool = False) -> RenderableType:
    """Return exactly `height` lines."""
    pane = _pane_lines(screen, width)
    fits = height - _AROUND
    most = fits - 2 if screen.view.pane is Pane.KEYS else fits // 3  # keys are shown to the last
    first, rows = _window(screen.rows, screen.view.selected, fits - min(len(pane), most))
    left = fits - len(rows)
    table = _table(rows, screen.view, width, ascii_only=ascii_only)
    shown = pane[-left:] if left and screen.view.pane is not Pane.KEYS else pane[:left]
    lines = [_line(each) for each in shown] + [Text("")] * (left - len(shown))
    rule = Rule(_title(screen, first, len(rows)), style="dim", align="left")
    return Group(_head(screen), table, rule, *lines, _foot(screen))


def spark(rates: Sequence[float], width: int, *, ascii_only: bool = False) -> str:
    """Return the latest rates as bars, the highest of them full."""
    bars = PLAIN_BARS if ascii_only else BARS
    latest = rates[-width:]
    top = max(latest, default=0.0)
    if not top:
        return (bars[0] * len(latest)).rjust(width)
    at = [min(int(rate / top * len(bars)), len(bars) - 1) for rate in latest]
    return "".join(bars[each] for each in at).rjust(width)


def _head(screen: Screen) -> Text:
    if screen.trouble:
        before = "; below is what was before" if screen.everything else ""
        return _line(f"{screen.trouble}{before}", "bold red")
    daemon, proxies = screen.answer["daemon"], screen.answer["proxies"]
    services = [row for row in screen.everything if not row.worker]
    rate = sum(row.rate or 0.0 for row in services)
    ill = sum(not row.well for row in services)
    text = Text(f"{daemon['name']}  up {duration(daemon['uptime_s'])}  ", no_wrap=True)
    text.append(f"{len(services)} service{'s' * (len(services) != 1)}", "bold")
    text.append(f", {ill} not well" if ill else ", all well", "red" if ill else "green")
    connections = sum(proxy["connections"] for proxy in proxies)
    text.append(f"  {_number(rate)} req/s  {connections} connections")
    return _line(text)


def _table(rows: Sequence[Row], view: View, width: int, *, ascii_only: bool) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    name = max([len("NAME"), *(len(row.name) + 2 * row.worker for row in rows)])
    columns, graph = _fitting(width - min(name, LONGEST_NAME) - 1)
    graph -= min(max(name - LONGEST_NAME, 0), max(graph - GRAPH, 0))
    table.add_column("NAME", ratio=1, no_wrap=True, overflow="ellipsis")
    for title, needed in columns.items():
        side: Literal["left", "right"] = "left" if title in _LEFT else "right"
        table.add_column(title, justify=side, width=needed, no_wrap=True, overflow="ellipsis")
    if graph:
        table.add_column("REQ/S", width=graph, no_wrap=True)
    for row in rows:
        cells = _cells(row)
        if row.name == view.selected:  # reversed, a coloured cell would be a block of colour
            cells = {title: Text(cell.plain) for title, cell in cells.items()}
        line = [Text(("  " if row.worker else "") + row.name), *(cells[each] for each in columns)]
        if graph:
            line.append(Text(spark(row.rates, graph, ascii_only=ascii_only), "cyan"))
        table.add_row(*line, style="reverse" if row.name == view.selected else "")
    return table


def _fitting(width: int) -> tuple[dict[str, int], int]:
    """Return the columns that fit, with their widths, and the width of the graph; 0: no room."""
    chosen: set[str] = set()
    for title in _BY_WORTH:
        if WIDTHS[title] + 1 <= width:
            chosen.add(title)
            width -= WIDTHS[title] + 1
    graph = min(width, LONGEST_GRAPH) if width >= SHORTEST_GRAPH else 0
    return {title: needed for title, needed in WIDTHS.items() if title in chosen}, graph


def _color(row: Row) -> str:
    if row.state == "RUNNING" and not row.well:
        return "yellow"
    return "" if row.state == "EXITED" and row.well else COLORS.get(row.state, "")


def _cells(row: Row) -> dict[str, Text]:
    return {
        "STATE": Text(row.state, _color(row)),
        "UP/PID": Text(row.detail),
        "RPS": Text("-" if row.rate is None else _number(row.rate)),
        "P50": Text(_time(row.p50)),
        "P99": Text(_time(row.p99), "yellow" if row.p99 and row.p99 >= SLOW else ""),
        "5XX": Text(
            "-" if row.errors is None else _number(row.errors), "red" if row.errors else ""
        ),
        "FLY": Text(str(row.in_flight)),
        "RST": Text(str(row.restarts)),
        "CPU": Text(f"{row.cpu_percent:.0f}%"),
        "MEM": Text(size(row.rss_bytes)),
    }


def _window(rows: Sequence[Row], selected: str, room: int) -> tuple[int, Sequence[Row]]:
    """Return `room` rows with the selected one among them, and how many are above them."""
    names = [row.name for row in rows]
    at = names.index(selected) if selected in names else 0
    first = min(max(at - room // 2, 0), max(len(rows) - room, 0))
    return first, rows[first : first + room]


def _title(screen: Screen, first: int, shown: int) -> Text:
    """Say what is below the rule, and, behind that, which rows are above it if not all are."""
    view = screen.view
    row = next((row for row in screen.rows if row.name == view.selected), None)
    about = "" if view.pane is Pane.KEYS or row is None else f" of {row.name}"
    title = Text(f"{view.pane}{about}")
    if shown < len(screen.rows):
        title.append(f"  {first + 1}-{first + shown} of {len(screen.rows)}", "dim")
    if row is not None and row.reason and view.pane is not Pane.KEYS:
        title.append(f"  {row.reason}", "yellow")
    if row is not None and row.says and view.pane is not Pane.KEYS:
        title.append(f"  {row.says}")
    return title


def _pane_lines(screen: Screen, width: int) -> Sequence[str]:
    view = screen.view
    if view.pane is Pane.KEYS:
        return [f"{keys:16}  {what}" for keys, what in HELP]
    if screen.everything and not screen.rows:
        return [f"no service or worker has {view.filter!r} in its name or state"]
    row = next((row for row in screen.rows if row.name == view.selected), None)
    if row is None or len(row.reason) < width // 2:
        return screen.pane
    return [*screen.pane, *wrap(row.reason, width)]  # over the log there is no room for all of it


def _foot(screen: Screen) -> Text:
    view = screen.view
    if view.asking is not None:
        return _line(f"{view.asking}? y to do it, any other key not to", "bold yellow")
    if view.typing:
        return _line(f"filter: {view.filter}_", "bold")
    if screen.busy:
        return _line(f"{screen.busy} ...", "yellow")
    if view.note:
        return _line(view.note, "bold")
    if view.filter:
        return _line(f"filter: {view.filter}   Esc ends it", "bold")
    keys = "r reload R restart s stop +- scale / filter l logs e events w why ? keys q quit"
    return _line(keys, "dim")


def _line(text: Text | str, style: str = "") -> Text:
    """Return one line that never becomes two."""
    line = Text(text, style) if isinstance(text, str) else text
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"


def _number(rate: float) -> str:
    return f"{rate:.1f}" if rate < 10 else f"{rate:.0f}"
