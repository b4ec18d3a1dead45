"""Look at the daemon once a second, draw, and do what keys ask for."""

import locale
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import trio
from rich.console import Console, ConsoleDimensions
from rich.live import Live
from rich.text import Text

from webqx_supervisor.cli import evidence, options, render
from webqx_supervisor.cli.top import keys
from webqx_supervisor.cli.top.draw import Screen, draw
from webqx_supervisor.cli.top.rows import Rates, Row, matching
from webqx_supervisor.cli.top.view import Order, Pane, View, press, settled
from webqx_supervisor.model.errors import WebqxError

LOOK = 1.0
"""s between two looks."""
TAIL = 60
"""Lines that the lower part may hold."""
EVENTS = 500
"""So many are looked through for those of the selected service."""
_EMPTY = {"daemon": {"name": "", "uptime_s": 0}, "proxies": [], "services": []}


class Session:
    """One person in front of one terminal."""

    def __init__(self, file: Path, live: Live) -> None:
        self._file = file
        self._live = live
        self._rates = Rates()
        self._rows: list[Row] = []
        self._answer: Any = _EMPTY
        self._pane: list[str] = []
        self._trouble = ""
        self._busy = ""
        self._view = View()
        self._quick = trio.Event()
        self._ascii = "utf" not in locale.getpreferredencoding(False).lower()

    async def run(self) -> None:
        """Go on until the person leaves."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_on)
            nursery.start_soon(self._redraw_when_resized)
            await self._obey_keys(nursery)
            nursery.cancel_scope.cancel()

    async def _look_on(self) -> None:
        while True:
            await self._look()
            with trio.move_on_after(LOOK):
                await self._quick.wait()
            self._quick = trio.Event()

    async def _look(self) -> None:
        try:
            self._answer = await self._ask("GET", "/status")
            self._rows = self._rates.look(self._answer["services"], trio.current_time())
            self._view = settled(self._view, self._shown())
            self._pane = (await self._read_pane()).splitlines()[-TAIL:]
            self._trouble = ""
        except WebqxError as error:
            self._trouble = str(error)
        self._draw()

    async def _read_pane(self) -> str:
        selected = self._view.selected.rstrip("+")
        match self._view.pane:
            case Pane.LOGS if selected:
                path = f"/logs?{urlencode({'worker': selected, 'n': TAIL})}"
                return await trio.to_thread.run_sync(self._stream, path)
            case Pane.WHY if selected:
                path = f"/why?{urlencode({'worker': selected})}"
                return Text.from_ansi(evidence.evidence(await self._ask("GET", path))).plain
            case Pane.EVENTS:
                events = (await self._ask("GET", f"/events?n={EVENTS}"))["events"]
                service = selected.partition(":")[0]
                mine = (event for event in events if event["service"] in ("", service))
                return "\n".join(map(render.event, mine))
        return ""

    def _stream(self, path: str) -> str:
        pieces = options.stream(self._file, path, patience=0.0)
        read = b"".join(pieces).decode(errors="replace")
        return Text.from_ansi(read).plain

    async def _obey_keys(self, nursery: trio.Nursery) -> None:
        terminal = sys.stdin.fileno()
        while True:
            await trio.lowlevel.wait_readable(terminal)
            read = os.read(terminal, 1024)
            if not read:  # the terminal is gone
                return
            for key in keys.names(read):
                step = press(self._view, key, self._shown())
                if step.quits:
                    return
                changed = (step.view.pane, step.view.selected) != (
                    self._view.pane,
                    self._view.selected,
                )
                self._view = settled(step.view, self._shown(step.view))
                if step.order is not None:
                    nursery.start_soon(self._carry_out, step.order)
                if changed:
                    self._quick.set()
                    if self._trouble:  # what is there is of what was chosen before
                        self._pane = []
            self._draw()

    async def _carry_out(self, order: Order) -> None:
        self._busy = str(order)
        self._draw()
        body: dict[str, Any] = {"services": [order.service]}
        if order.verb == "scale":
            body = {"service": order.service, "instances": order.argument}
        try:
            answer = await self._ask("POST", f"/{order.verb}", body)
            failed = answer.get("failed") or ()
            note = f"{order}: " + ("failed, see the events" if failed else "done")
        except WebqxError as error:
            note = f"{order}: {error}"
        self._busy, self._view = "", replace(self._view, note=note)
        self._quick.set()

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        # Who looks, looks again soon, and sees meanwhile that there is no daemon.
        patience = 0.0 if method == "GET" else options.BETWEEN_DAEMONS
        ask = partial(options.call, self._file, method, path, body, patience=patience)
        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True)

    def _shown(self, view: View | None = None) -> list[Row]:
        return list(matching(self._rows, (view or self._view).filter))

    async def _redraw_when_resized(self) -> None:
        with trio.open_signal_receiver(signal.SIGWINCH) as resized:
            async for _ in resized:
                self._draw()

    def _draw(self) -> None:
        screen = Screen(
            self._answer,
            self._rows,
            self._shown(),
            self._view,
            self._pane,
            self._trouble,
            self._busy,
        )
        # COLUMNS and LINES, which rich heeds, are of the time when the shell started us.
        width, height = os.get_terminal_size(sys.stdout.fileno())
        self._live.console.size = ConsoleDimensions(width, height)
        self._live.update(draw(screen, width, height, ascii_only=self._ascii), refresh=True)


@contextmanager
def terminal(file: Path) -> Iterator[Session]:
    """Have the screen and each key as it is pressed; all is as before afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        try:
            tty.setcbreak(descriptor)
            yield Session(file, live)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
