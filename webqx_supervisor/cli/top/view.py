"""What the person looks at, and what a key does to that. Values only: nothing is drawn or sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from webqx_supervisor.cli.top.rows import Row


class Pane(StrEnum):
    """What the lower part of the screen shows."""

    LOGS = "logs"
    EVENTS = "events"
    WHY = "why"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Order:
    """A verb of the control API for one service."""

    verb: str
    service: str
    argument: str = ""

    def __str__(self) -> str:
        """Return it as it would be typed: `scale api +1`."""
        return " ".join(filter(None, (self.verb, self.service, self.argument)))


@dataclass(frozen=True, slots=True)
class View:
    """All that keys change. `asking`: what waits for a yes; `typing`: a filter is being typed."""

    selected: str = ""
    pane: Pane = Pane.LOGS
    filter: str = ""
    typing: bool = False
    asking: Order | None = None
    note: str = ""
    """What came of the last order."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows a key."""

    view: View
    order: Order | None = None
    quits: bool = False


PANES: Mapping[str, Pane] = MappingProxyType(
    {"l": Pane.LOGS, "e": Pane.EVENTS, "w": Pane.WHY, "?": Pane.KEYS, "h": Pane.KEYS}
)
MOVES: Mapping[str, int] = MappingProxyType(
    {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -10, "page down": 10, "home": -(10**6)}
    | {"end": 10**6}
)
HELP = (
    ("up, down, k, j", "choose a service or worker"),
    ("n", "the next that is not well"),
    ("r", "reload the service, worker by worker; no request is lost"),
    ("R", "restart it, after a yes"),
    ("+, -", "one worker more, one less"),
    ("s", "stop it, after a yes; or start it"),
    ("/", "filter by name or state; Enter keeps it, Esc ends it"),
    ("l, e, w", "logs, events, why workers died"),
    ("q", "leave"),
)


def press(view: View, key: str, rows: Sequence[Row]) -> Step:
    """Return what follows a key while these rows are on the screen."""
    if view.asking is not None:
        return _answer(view, key)
    if view.typing:
        return Step(_type(view, key))
    view = replace(view, note="")
    if key == "q":
        return Step(view, quits=True)
    if key in MOVES:
        return Step(replace(view, selected=_moved(view.selected, MOVES[key], rows)))
    if key == "n":
        return Step(_next_ill(view, rows))
    if key in PANES:
        pane = Pane.LOGS if view.pane is PANES[key] else PANES[key]
        return Step(replace(view, pane=pane))
    if key == "/":
        return Step(replace(view, typing=True))
    if key == "escape":
        return Step(replace(view, filter="", pane=Pane.LOGS))
    row = next((row for row in rows if row.name == view.selected), None)
    return Step(_told(view, key)) if row is None else _ask_for(view, key, row)


def settled(view: View, rows: Sequence[Row]) -> View:
    """Return the view with a row chosen that is there."""
    names = [row.name for row in rows]
    if view.selected in names or not names:
        return view
    service = view.selected.partition(":")[0]
    return replace(view, selected=service if service in names else names[0])


def _told(view: View, key: str) -> View:
    """Return the view after a key that does nothing."""
    known = f"{key} does nothing; ? shows the keys" if len(key) == 1 and key.isprintable() else ""
    return replace(view, note=known)


def _ask_for(view: View, key: str, row: Row) -> Step:
    match key:
        case "r":
            return Step(view, Order("reload", row.service))
        case "+" | "=":
            return Step(view, Order("scale", row.service, "+1"))
        case "-":
            return Step(view, Order("scale", row.service, "-1"))
        case "R":
            return Step(replace(view, asking=Order("restart", row.service)))
        case "s" if row.state == "STOPPED":
            return Step(view, Order("start", row.service))
        case "s":
            return Step(replace(view, asking=Order("stop", row.service)))
    return Step(_told(view, key))


def _answer(view: View, key: str) -> Step:
    decided = replace(view, asking=None)
    if key in ("y", "Y"):
        return Step(decided, view.asking)
    return Step(decided)


def _type(view: View, key: str) -> View:
    match key:
        case "enter":
            return replace(view, typing=False)
        case "escape":
            return replace(view, typing=False, filter="")
        case "backspace":
            return replace(view, filter=view.filter[:-1])
        case _ if len(key) == 1:
            return replace(view, filter=view.filter + key)
    return view


def _next_ill(view: View, rows: Sequence[Row]) -> View:
    """Return the view with the next one chosen that is not well, from the top again at the end."""
    names = [row.name for row in rows]
    at = names.index(view.selected) + 1 if view.selected in names else 0
    ill = next((row.name for row in (*rows[at:], *rows[:at]) if not row.well), None)
    return replace(view, note="all well") if ill is None else replace(view, selected=ill)


def _moved(selected: str, by: int, rows: Sequence[Row]) -> str:
    names = [row.name for row in rows]
    if not names:
        return selected
    at = names.index(selected) if selected in names else 0
    return names[min(max(at + by, 0), len(names) - 1)]
