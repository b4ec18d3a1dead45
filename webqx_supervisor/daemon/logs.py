"""Which log files a `logs` command means, and their lines as a stream of pieces."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import trio

from webqx_supervisor.core import selection
from webqx_supervisor.daemon.launch import STREAMS, log_file
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.errors import NoSuchService
from webqx_supervisor.model.service import LogStreams
from webqx_supervisor.process.follow import follow
from webqx_supervisor.process.lines import moment
from webqx_supervisor.process.output import Output
from webqx_supervisor.process.reading import last_lines

MOST_LINES = 1000
"""How many lines this process looks back for; the command line reads the files itself."""


class LogReader:
    """Reads the files that Output writes."""

    def __init__(self, folder: Path, output: Output, services: Services) -> None:
        self._folder = folder
        self._output = output
        self._services = services

    def workers(self, which: str) -> list[dict[str, Any]]:
        """Return a row for each worker of `api`, `api:1`, "api:1,web" or "" (all), with its files.

        Names may be those of groups, or globs. Raises NoSuchService, UsageError. A worker that was
        scaled away can be named as long as a file of it is there.
        """
        found: dict[tuple[str, int], Supervisor] = {}
        for word in which.split(","):
            name, instance = selection.worker(word)
            present = {
                (supervisor.service.name, each): supervisor
                for supervisor in self._services.named([name] if word else [])
                for each in self._instances(supervisor, instance)
            }
            if not present and instance is not None:
                raise NoSuchService(f"{name} has no worker {instance}")
            found |= present
        return [
            {
                "service": name,
                "instance": instance,
                "format": supervisor.service.logs.format,
                "output": supervisor.service.logs.output,
                "files": [str(path) for path in self._files(supervisor, instance)],
            }
            for (name, instance), supervisor in sorted(found.items(), key=lambda each: each[0])
        ]

    def files(self, which: str) -> dict[Path, str]:
        """Return the files of `workers`, each with the label before its lines; one needs none."""
        workers = self.workers(which)
        return {
            Path(path): f"{row['service']}:{row['instance']} | " if len(workers) > 1 else ""
            for row in workers
            for path in row["files"]
        }

    async def last(self, files: Mapping[Path, str], n: int) -> AsyncIterator[bytes]:
        """Yield the last `n` lines of `files` together."""
        yield b"".join(await trio.to_thread.run_sync(last_lines, files, min(n, MOST_LINES)))

    async def on(self, which: str, n: int) -> AsyncIterator[bytes]:
        """Yield the last `n` lines of `which` together, and then for ever what comes."""
        now = moment(time.time())

        def find() -> dict[Path, str]:
            with suppress(NoSuchService):  # removed since
                return self.files(which)
            return {}

        with self._output.subscribe() as changed:
            lines = follow(find, changed, min(n, MOST_LINES), lambda: self._output.attached, now)
            async with aclosing(lines) as pieces:
                async for piece in pieces:
                    yield piece

    def _files(self, supervisor: Supervisor, instance: int) -> list[Path]:
        """Return the files that its lines go to now, and those that they once went to."""
        service = supervisor.service
        merged = log_file(self._folder, service.name, instance)
        apart = [log_file(self._folder, service.name, instance, stream) for stream in STREAMS]
        now = apart if service.logs.streams is LogStreams.APART else [merged]
        return [*now, *(path for path in (merged, *apart) if path not in now and path.exists())]

    def _instances(self, supervisor: Supervisor, instance: int | None) -> set[int]:
        present = _present(supervisor)
        if instance is None:
            return present
        files = self._files(supervisor, instance)
        return {instance} if instance in present or any(path.exists() for path in files) else set()


def _present(supervisor: Supervisor) -> set[int]:
    wanted = range(1, supervisor.wanted + 1)
    return {*wanted, *(worker.instance for worker in supervisor.everyone)}
