"""The daemon gives way to the code that is on the disk now; what it has started runs on.

It ends like one that was killed, only in order: the next daemon takes everything over. The keeper
renews itself on the way. When it has died, a new one is started first, with all that it held.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.programs import keeper_command, keeper_python
from webqx_supervisor.model.errors import NotReady
from webqx_supervisor.process.output import Output

RENEW = 75
"""The exit code by which the keeper knows: EX_TEMPFAIL of sysexits.h."""
LAST_LINES = 10
_PARTS = "import webqx_supervisor.daemon.main, webqx_supervisor.proxy.main"


class Renewal:
    """`save` writes the journal; `due` says whether the proxies are to be replaced as well."""

    def __init__(
        self, state_dir: Path, store: FdStore, output: Output, save: Callable[[], None]
    ) -> None:
        self.due = False
        self._state_dir = state_dir
        self._store = store
        self._output = output
        self._save = save
        self._keeper_pid = int(os.environ.get("WEBQX_SV_KEEPER_PID", "0"))

    @property
    def by_systemd(self) -> bool:
        """Whether no program of ours was told to keep this daemon."""
        return not self._keeper_pid

    @property
    def keeper_pid(self) -> int | None:
        """The keeper; None when that is systemd, or when it has died."""
        return self._keeper_pid if self._keeper_pid == os.getppid() else None

    @property
    def is_kept(self) -> bool:
        """Whether there is somebody who would start this daemon again."""
        return self.by_systemd or self.keeper_pid is not None

    async def check(self) -> None:
        """Try whether the code on the disk can be loaded. Raises NotReady with what it said."""
        for command in (
            [sys.executable, "-P", "-c", _PARTS],
            [*keeper_python(), "--check"],
        ):
            tried = await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False, cwd="/"
            )
            if tried.returncode:
                lines = tried.stderr.decode(errors="replace").splitlines()
                raise NotReady("the new code cannot be loaded", lines[-LAST_LINES:])

    def carry_out(self, *, proxies: bool) -> None:
        """End this process, for the next daemon; with the `proxies`, if these are to go as well."""
        self.due = proxies
        self._save()
        if not self.is_kept:
            self._start_keeper()
        self._output.close()
        os._exit(RENEW)

    def _start_keeper(self) -> None:
        """Start a keeper that holds what the dead one held, and waits for this process to end."""
        reading, _ = os.pipe()  # nobody else gets the other end, so it ends with this process
        stored = self._store.kept()
        subprocess.Popen(
            keeper_command(self._state_dir, stored, after=reading),
            stdin=subprocess.DEVNULL,
            cwd="/",
            pass_fds=[reading, *(fd for _, fd in stored)],
            start_new_session=True,
        )
