"""Which log files a `logs` command means, and their lines as a stream of pieces."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import trio

from webqx_supervisor.daemon.launch import log_file
from webqx_supervisor.daemon.services import Services
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
        """Return label -> file for `api`, `api:1` or "" (all). Raises NoSuchService.

        The label is what stands before each line; a single worker needs none.
        """
        name, _, number = which.partition(":")
        supervisors = self._services.named([name] if name else [])
        workers = {
            (supervisor.service.name, instance)
            for supervisor in supervisors
            for instance in (
                *range(1, supervisor.wanted + 1),
                *(worker.instance for worker in supervisor.everyone),
            )
        }
        if number:
            workers = _only(workers, name, number)
        labelled = len(workers) > 1
        return {
            f"{service}:{instance} | " if labelled else "": log_file(
                self._folder, service, instance
            )
            for service, instance in sorted(workers)
        }

    async def last(self, which: str, n: int) -> AsyncIterator[bytes]:
        """Yield the last `n` lines."""
        yield b"".join(await trio.to_thread.run_sync(last_lines, self.files(which), n))

    async def on(self, which: str, n: int) -> AsyncIterator[bytes]:
        """Yield the last `n` lines, and then for ever what comes."""
        with self._output.subscribe() as changed:
            async for piece in follow(self.files(which), changed, n):
                yield piece


def _only(workers: Iterable[tuple[str, int]], name: str, number: str) -> set[tuple[str, int]]:
    if not number.isdecimal():
        raise UsageError(f"{name}:{number} is no worker; write it as {name}:1")
    wanted = (name, int(number))
    if wanted not in workers:
        raise NoSuchService(f"{name} has no worker {number}")
    return {wanted}
