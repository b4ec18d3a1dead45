"""Which log files a `logs` command means, and their lines as a stream of pieces."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path

import trio

from webqx_supervisor.daemon.launch import log_file
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.errors import NoSuchService, UsageError
from webqx_supervisor.process.follow import follow, last_lines
from webqx_supervisor.process.output import Output


class LogReader:
    """Reads the files that Output writes."""

    def __init__(self, folder: Path, output: Output, services: Services) -> None:
        self._folder = folder
        self._output = output
        self._services = services

    def files(self, which: str) -> dict[str, Path]:
        """Return label -> file for `api`, `api:1` or "" (all). Raises NoSuchService, UsageError.

        The label is what stands before each line; a single worker needs none. A worker that was
        scaled away can be named as long as its file is there.
        """
        name, _, number = which.partition(":")
        supervisors = self._services.named([name] if which else [])
        if number:
            return {"": self._file(supervisors[0], number)}
        workers = sorted(
            {(each.service.name, instance) for each in supervisors for instance in _present(each)}
        )
        return {
            f"{service}:{instance} | " if len(workers) > 1 else "": log_file(
                self._folder, service, instance
            )
            for service, instance in workers
        }

    async def last(self, files: Mapping[str, Path], n: int) -> AsyncIterator[bytes]:
        """Yield the last `n` lines of `files` together."""
        yield b"".join(await trio.to_thread.run_sync(last_lines, files, n))

    async def on(self, files: Mapping[str, Path], n: int) -> AsyncIterator[bytes]:
        """Yield the last `n` lines of `files` together, and then for ever what comes."""
        with self._output.subscribe() as changed:
            async with aclosing(follow(files, changed, n)) as pieces:
                async for piece in pieces:
                    yield piece

    def _file(self, supervisor: Supervisor, number: str) -> Path:
        name = supervisor.service.name
        if not number.isdecimal():
            raise UsageError(f"{name}:{number} is no worker; write it as {name}:1")
        file = log_file(self._folder, name, int(number))
        if int(number) not in _present(supervisor) and not file.exists():
            raise NoSuchService(f"{name} has no worker {number}")
        return file


def _present(supervisor: Supervisor) -> set[int]:
    wanted = range(1, supervisor.wanted + 1)
    return {*wanted, *(worker.instance for worker in supervisor.everyone)}
