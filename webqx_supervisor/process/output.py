"""What workers print, on its way from their pipes to their log files, beside the event loop.

One plain thread with a selector of its own does it all, so that neither a flood nor a slow disk
ever holds up supervision. It reads one bounded chunk of each ready pipe in turn and writes it
before it reads on: memory stays flat, and a worker that floods only slows itself down.
"""

import contextlib
import os
import re
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import trio

from webqx_supervisor.model.service import LogOutput, Logs
from webqx_supervisor.process.journald import Journald
from webqx_supervisor.process.lines import LineBuffer, Origin, json_lines, stamp
from webqx_supervisor.process.logfile import LogFile
from webqx_supervisor.process.packing import Packer
from webqx_supervisor.process.subscription import Subscription, soon
from webqx_supervisor.process.terminal import Terminal

CHUNK = 64 * 1024
"""Bytes read from one pipe before the next has its turn; also what a pipe holds (pipe(7))."""
LAST_READS = 16
"""Chunks still read from a pipe that is let go of while somebody holds its other end."""
CLOSE_WAIT = 5.0
TIDY = 60.0
"""How often, in seconds, files that nobody writes to are looked at for their age."""
_NOBODY = Origin()


class Output:
    """The thread and its pipes. Call from trio; `worker` is any name unique among the living."""

    def __init__(
        self, clock: Callable[[], float] = time.time, journald: Journald | None = None
    ) -> None:
        self.attached = 0
        """How many pipes there have been."""
        self.mask: Callable[[str, bytes], bytes] = lambda _, lines: lines
        """What is written and remembered of whole lines of a service; asked in the thread."""
        self._clock = clock
        self._journald = journald or Journald()  # the thread's alone, as is the packer
        self._packer = Packer()
        self._tidy_at = time.monotonic() + TIDY
        self._lock = threading.Lock()  # guards _workers and _requests
        self._workers: dict[str, _Worker] = {}
        self._requests: list[Callable[[], None]] = []
        self._subscriptions: tuple[Subscription, ...] = ()
        self._files: dict[Path, LogFile] = {}  # the thread's alone, as is the selector
        self._selector = selectors.DefaultSelector()
        self._running = True
        self._alarm, self._bell = os.pipe()
        for end in (self._alarm, self._bell):
            os.set_blocking(end, False)
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="worker output", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def attach(
        self,
        worker: str,
        stream: str,
        fd: int,
        path: Path | None,
        limits: Logs,
        origin: Origin = _NOBODY,
    ) -> None:
        """Write what comes out of the pipe `fd` to `path`, until all its writers have closed.

        `stream` is "out" or "err"; the master of a terminal is "out" alone. The descriptor is owned
        from here on. Both streams of a worker, and those of its successors, may share a path; the
        latest `limits` hold. Without a path nothing but the last lines is kept.
        """
        os.set_blocking(fd, False)
        self.attached += 1
        with self._lock:
            owner = self._workers.setdefault(worker, _Worker())
            pipe = _Pipe(fd, stream, path, owner, limits, origin)
            pipe.lines = LineBuffer(partial(self.mask, origin.service))
            owner.streams[stream] = pipe.lines
            owner.pipes.append(pipe)
        self._request(lambda: self._open(pipe))

    def tail(self, worker: str) -> list[str]:
        """Return the last lines on stderr; those on stdout when there was nothing on stderr."""
        with self._lock:
            known = self._workers.get(worker)
            streams = dict(known.streams) if known else {}
        return next((lines for name in ("err", "out") if (lines := _tail(streams, name))), [])

    def expect(self, worker: str, pattern: re.Pattern[str], tell: Callable[[], None]) -> None:
        """Call `tell`, from trio, once a line of a worker has the pattern; call before `attach`."""
        token = trio.lowlevel.current_trio_token()
        expected = _Expected(pattern, lambda: soon(token, tell))
        with self._lock:
            owner = self._workers.setdefault(worker, _Worker())
            owner.expected = (*owner.expected, expected)

    def terminal(self, worker: str) -> Terminal | None:
        """Return the terminal that the worker has, if it has one."""
        with self._lock:
            known = self._workers.get(worker)
            pipes = list(known.pipes) if known else []
        return next((pipe.terminal for pipe in pipes if pipe.terminal), None)

    async def closed(self, worker: str) -> None:
        """Return when all that the worker printed is in its file.

        A descendant that outlives it keeps its pipes open: bound the wait.
        """
        event, token = trio.Event(), trio.lowlevel.current_trio_token()
        with self._lock:
            known = self._workers.get(worker)
            if known is None or not known.pipes:
                event.set()
            else:
                known.waiters.append(lambda: soon(token, event.set))
        await event.wait()

    def detach(self, worker: str) -> None:
        """Write what is in its pipes now, then let go of them and forget the worker."""
        with self._lock:
            known = self._workers.pop(worker, None)
        if known is not None:
            self._request(lambda: self._let_go(known))

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Give something that awaits the next write to any log file."""
        subscription = Subscription()
        self._subscriptions = (*self._subscriptions, subscription)
        try:
            yield subscription
        finally:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

    def close(self) -> None:
        """Let go of all pipes and end the thread; what is not read yet stays in the pipes."""
        self._request(self._stop)
        self._thread.join(CLOSE_WAIT)

    # The rest runs in the thread, but for _request.

    def _request(self, what: Callable[[], None]) -> None:
        # Rung under the lock: the thread may take up the last request at once, and close the bell.
        with self._lock, contextlib.suppress(BlockingIOError):  # full: it will wake up anyway
            self._requests.append(what)
            os.write(self._bell, b"!")

    def _run(self) -> None:
        while self._running:
            for key, _ in self._selector.select(TIDY):
                if key.data is None:
                    os.read(self._alarm, CHUNK)
                elif not self._pump(key.data):
                    self._end(key.data)
            # Only now: a request may close a pipe that was still to come in the loop above.
            with self._lock:
                requests, self._requests = self._requests, []
            for request in requests:
                request()
            if time.monotonic() >= self._tidy_at:
                self._tidy()
        self._packer.close(CLOSE_WAIT)
        self._journald.close()
        self._selector.close()
        os.close(self._alarm)
        os.close(self._bell)

    def _open(self, pipe: "_Pipe") -> None:
        if pipe.path is not None:
            self._open_file(pipe, pipe.path)
        self._selector.register(pipe.fd, selectors.EVENT_READ, pipe)

    def _open_file(self, pipe: "_Pipe", path: Path) -> None:
        file = self._files.get(path)
        if file is None:
            file = LogFile(path, pipe.limits, self._clock, self._packer.ask)
            self._files[path] = file
        file.limits = pipe.limits
        file.stamp = pipe.stamp
        if pipe.limits.compress:
            self._packer.ask(file)  # what an earlier daemon has left

    def _tidy(self) -> None:
        self._tidy_at = time.monotonic() + TIDY
        for file in self._files.values():
            file.tidy()

    def _pump(self, pipe: "_Pipe") -> bool:
        """Move one chunk; return False when there will be no more."""
        try:
            chunk = os.read(pipe.fd, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if chunk and pipe.terminal:
            pipe.terminal.show(chunk)
        if chunk:
            self._write(pipe, pipe.lines.feed(chunk))
        return bool(chunk)

    def _write(self, pipe: "_Pipe", lines: bytes) -> None:
        if not lines:
            return
        if pipe.terminal:
            lines = lines.replace(b"\r\n", b"\n")
        if pipe.owner.expected:
            self._look_through(pipe.owner, lines)
        if pipe.path is None:
            return
        file = self._files[pipe.path]
        if pipe.limits.output is LogOutput.JOURNALD:
            reason = self._journald.reason
            lines = self._journald.send(lines, pipe.stream, pipe.origin, pipe.limits.format)
            if not lines:
                return
            if reason != self._journald.reason:
                file.tell(f"journald takes no lines: {self._journald.reason}")
        file.write(pipe.stamp(lines, pipe.stream, self._clock()))
        for subscription in self._subscriptions:
            subscription.tell()

    def _look_through(self, owner: "_Worker", lines: bytes) -> None:
        found = set()
        for line in lines.decode("utf-8", "replace").splitlines():
            found |= {each for each in owner.expected if each.pattern.search(line)}
        with self._lock:
            owner.expected = tuple(each for each in owner.expected if each not in found)
        for each in found:
            each.tell()

    def _end(self, pipe: "_Pipe") -> None:
        self._write(pipe, pipe.lines.flush())
        self._selector.unregister(pipe.fd)
        if pipe.terminal:
            pipe.terminal.close()
        os.close(pipe.fd)
        with self._lock:
            pipe.owner.pipes.remove(pipe)
            waiters = [] if pipe.owner.pipes else pipe.owner.waiters
            in_use = {each.path for worker in self._workers.values() for each in worker.pipes}
        if pipe.path is not None and pipe.path not in in_use:
            self._files[pipe.path].close()
        for tell in waiters:
            tell()

    def _let_go(self, worker: "_Worker") -> None:
        for pipe in tuple(worker.pipes):
            for _ in range(LAST_READS):
                if not self._pump(pipe):
                    break
            self._end(pipe)

    def _stop(self) -> None:
        self._running = False
        with self._lock:
            pipes = [pipe for worker in self._workers.values() for pipe in worker.pipes]
        for pipe in pipes:
            self._end(pipe)


class _Pipe:
    """One stream of one worker; or both, where it has a terminal."""

    __slots__ = ("fd", "limits", "lines", "origin", "owner", "path", "stream", "terminal")

    def __init__(
        self,
        fd: int,
        stream: str,
        path: Path | None,
        owner: "_Worker",
        limits: Logs,
        origin: Origin,
    ) -> None:
        self.fd = fd
        self.stream = stream
        self.path = path
        self.owner = owner
        self.limits = limits
        self.origin = origin
        self.lines = LineBuffer()
        self.terminal = Terminal(fd) if os.isatty(fd) else None

    def stamp(self, lines: bytes, stream: str, now: float) -> bytes:
        """Write lines as they are kept in the file."""
        if self.limits.output is LogOutput.JSON:
            return json_lines(lines, stream, now, self.origin)
        return stamp(lines, stream, now)


@dataclass(frozen=True, slots=True)
class _Expected:
    pattern: re.Pattern[str]
    tell: Callable[[], None]


class _Worker:
    """What is known of one worker: its open pipes, its last words, who waits for what."""

    __slots__ = ("expected", "pipes", "streams", "waiters")

    def __init__(self) -> None:
        self.expected: tuple[_Expected, ...] = ()
        self.pipes: list[_Pipe] = []
        self.streams: dict[str, LineBuffer] = {}
        self.waiters: list[Callable[[], None]] = []


def _tail(streams: dict[str, LineBuffer], name: str) -> list[str]:
    return streams[name].tail() if name in streams else []
