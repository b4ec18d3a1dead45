"""Ask one worker over HTTP whether it is well. The only place that knows httpx.

It is imported at the first probe over HTTP: a daemon that needs none is 5 MB smaller.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from webqx_supervisor import __version__
from webqx_supervisor.model.service import Health
from webqx_supervisor.process.readiness import pause, until_accepting

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one probe. `status` is None without an answer; `silent`: nor a refusal."""

    status: int | None
    text: str
    silent: bool = False

    @property
    def ok(self) -> bool:
        """Whether the worker said that it is well: any 2xx or 3xx."""
        return self.status is not None and 200 <= self.status < 400


class Prober:
    """Asks workers on this machine. One for the whole daemon; close it by leaving its scope.

    No connection is kept: a probe is also to learn whether the worker still accepts.
    """

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def ask(
        self,
        port: int,
        path: str,
        timeout: float,  # noqa: ASYNC109 - a probe's own deadline, told apart from a cancel from outside
        host: str = "127.0.0.1",
        named: str = "",
    ) -> Answer:
        """Send one GET; give up after `timeout` seconds in all.

        `host` is an address; `named` is what the request calls it, if that is something else.
        """
        import httpx  # noqa: PLC0415 - see the head of this file

        if self._client is None:
            self._client = _open_client()
        with trio.move_on_after(timeout):
            try:
                url = f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"
                fields = {"Host": named} if named else None
                # The head says it all; a body may be long, or never end.
                async with self._client.stream("GET", url, headers=fields, timeout=None) as answer:
                    status = answer.status_code
            except httpx.HTTPError as error:
                return Answer(None, f"{type(error).__name__}: {error}".rstrip(": "))
            return Answer(status, f"answered {status} to {path}")
        return Answer(None, f"no answer to {path} within {timeout:g} s", silent=True)

    async def until_ready(self, port: int, health: Health) -> None:
        """Return when the port accepts and, with a path, the first good answer came.

        Waits without end; the caller holds the deadline.
        """
        began = trio.current_time()
        await until_accepting(port)
        path = health.path
        while path and not (await self.ask(port, path, health.timeout)).ok:  # noqa: ASYNC110 - same
            await trio.sleep(pause(trio.current_time() - began))

    async def aclose(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.aclose()


def _open_client() -> "httpx.AsyncClient":
    import httpx  # noqa: PLC0415 - see the head of this file

    return httpx.AsyncClient(
        verify=False,  # noqa: S501 - plain HTTP on the loopback; spares loading the CA bundle
        trust_env=False,  # a proxy from the environment must never stand in between
        limits=httpx.Limits(max_keepalive_connections=0),
        headers={"User-Agent": f"webqx-sv/{__version__} (probe)"},
    )
