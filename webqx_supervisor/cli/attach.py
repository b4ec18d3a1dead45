"""The verb `attach`: this terminal becomes that of a worker, until one leaves it."""

import os
import selectors
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from webqx_supervisor.cli import suggest
from webqx_supervisor.cli.options import call, file_option, stream
from webqx_supervisor.core.detaching import Detaching
from webqx_supervisor.model.errors import NoProcess, WebqxError

ABSENCE = 10.0
"""s that a daemon may be away, killed or upgraded, before it is given up."""
PAUSE = 0.05
"""s between two tries."""
CHUNK = 4096
FULL = 64 * 1024
"""Bytes typed ahead of a worker that does not read, from which on no more are read."""


@click.command()
@click.argument("worker", metavar="SERVICE[:INSTANCE]", shell_complete=suggest.workers)
@file_option
def attach(worker: str, file: Path) -> None:
    """Type to a worker and see what it shows; its service has `terminal = true`.

    Ctrl-P Ctrl-Q leaves it, and it runs on. Several may be attached at once.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("attach needs a terminal; `logs -f` shows what a worker writes")
    said = _Attached(file, worker).run()
    click.echo(f"\r\n{said}", err=True)


class _Attached:
    """One visit. A thread shows what comes, the main one reads what is typed."""

    def __init__(self, file: Path, worker: str) -> None:
        self._file = file
        self._worker = worker
        self._keys = Detaching()
        self._pending = b""
        self._over = ""
        self._failure: WebqxError | None = None
        self._alarm, self._bell = os.pipe()
        for end in (self._alarm, self._bell):
            os.set_blocking(end, False)

    def run(self) -> str:
        """Return what to say at the end. Raises WebqxError."""
        pieces = self._stream()
        with _raw(sys.stdin.fileno()), _woken(self._bell):
            click.echo(f"attached to {self._worker}; Ctrl-P Ctrl-Q leaves it\r", err=True)
            threading.Thread(target=self._show, args=(pieces,), daemon=True).start()
            rows, columns = self._size()
            self._resize(rows + 1, columns)  # a change, so that what fills the screen draws it anew
            self._resize(rows, columns)
            self._listen()
        if self._failure:
            raise self._failure
        return self._over

    def _stream(self) -> Iterator[bytes]:
        return stream(self._file, f"/attach?{urlencode({'worker': self._worker})}")

    def _show(self, pieces: Iterator[bytes]) -> None:
        """Show what comes until the worker ends; a daemon that comes back is asked again."""
        try:
            while True:
                with suppress(WebqxError):
                    for piece in pieces:
                        _write(sys.stdout.fileno(), piece)
                    break
                pieces = _with_patience(self._stream)
        except NoProcess:
            pass  # it ended while no daemon was there
        except WebqxError as error:
            self._failure = error
        self._end(f"{self._worker} has ended")

    def _end(self, said: str) -> None:
        self._over = self._over or said
        with suppress(BlockingIOError):
            os.write(self._bell, b"!")

    def _listen(self) -> None:
        """Carry what is typed to the worker, and the size of the screen when it changes."""
        stdin = sys.stdin.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(self._alarm, selectors.EVENT_READ)
            selector.register(stdin, selectors.EVENT_READ)
            while not self._over:
                ready = {key.fd for key, _ in selector.select(PAUSE if self._pending else None)}
                if self._alarm in ready:
                    os.read(self._alarm, CHUNK)
                    self._resize(*self._size())
                if stdin in ready and len(self._pending) < FULL:
                    self._read(stdin)
                if self._pending and not self._over:
                    self._type()

    def _read(self, stdin: int) -> None:
        typed = os.read(stdin, CHUNK)
        self._pending += self._keys.feed(typed)
        if self._keys.done or not typed:
            self._type()
            self._end(f"left {self._worker}, which runs on")

    def _type(self) -> None:
        text = self._pending.decode("utf-8", "surrogateescape")
        answer = self._ask("/type", {"text": text})
        self._pending = self._pending[answer.get("typed", len(self._pending)) :]

    def _resize(self, rows: int, columns: int) -> None:
        self._ask("/resize", {"rows": rows, "columns": columns})

    def _size(self) -> tuple[int, int]:
        size = os.get_terminal_size(sys.stdout.fileno())
        return size.lines or 24, size.columns or 80

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer; one without anything where it all comes to an end."""
        if self._over:
            return {}
        try:
            answer: dict[str, Any] = _with_patience(
                lambda: call(self._file, "POST", path, {"worker": self._worker, **body})
            )
        except NoProcess:
            return {}  # the thread sees that it has ended, and says so
        except WebqxError as error:
            self._failure = error
            self._end(str(error))
            return {}
        return answer


def _with_patience(ask: Any) -> Any:
    """Ask until there is a daemon that answers. Raises what it answers, or the last failure."""
    deadline = time.monotonic() + ABSENCE
    while True:
        try:
            return ask()
        except NoProcess:
            raise
        except WebqxError as error:
            if time.monotonic() > deadline or error.exit_code not in (1, 3):
                raise
        time.sleep(PAUSE)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


@contextmanager
def _raw(fd: int) -> Iterator[None]:
    """Have every key come at once and as it is; whatever happens, the terminal is put right."""

    def leave(*_: object) -> None:
        raise SystemExit(1)

    before = termios.tcgetattr(fd)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        tty.setraw(fd, termios.TCSADRAIN)  # what was typed ahead is not lost
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def _woken(bell: int) -> Iterator[None]:
    """Ring the bell when the window changes its size."""
    signal.signal(signal.SIGWINCH, lambda *_: None)
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
