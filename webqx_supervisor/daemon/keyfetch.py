"""Fetch the keys that an issuer publishes. Knows httpx, which is imported at the first fetch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from webqx_supervisor import __version__
from webqx_supervisor.core.refresh import max_age
from webqx_supervisor.core.strict_json import load_object

if TYPE_CHECKING:
    import httpx

TIME_LIMIT = 5.0
"""s for one fetch, all of it."""
SIZE_LIMIT = 256 * 1024
"""Octets of a set of keys."""


class FetchFailed(Exception):  # noqa: N818 - what became of it; nobody fails
    """There is no answer that could be used; says why, and names no more than the host."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A set of keys, and for how many s it says that it is good; None: it does not say."""

    text: str
    max_age: float | None


class Fetcher:
    """One for the whole daemon; a connection is for one fetch."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def fetch(self, address: str) -> Fetched:
        """Return the keys at an address. Raises FetchFailed.

        Redirects are not followed: whoever is asked is whoever the file names.
        """
        import httpx  # noqa: PLC0415 - see the head of this file

        if self._client is None:
            self._client = _open_client()
        host = httpx.URL(address).host
        with trio.move_on_after(TIME_LIMIT):
            try:
                async with self._client.stream("GET", address, timeout=None) as answer:
                    if answer.status_code != 200:
                        raise FetchFailed(f"{host} answered {answer.status_code}")
                    octets = await _body(answer, host)
                    life = max_age(answer.headers.get("cache-control", ""))
            except httpx.HTTPError as error:
                raise FetchFailed(f"{host}: {type(error).__name__} {error}".rstrip()) from None
            return Fetched(_checked(octets, host), life)
        raise FetchFailed(f"{host} gave no answer within {TIME_LIMIT:g} s")

    async def aclose(self) -> None:
        """Close what is open."""
        if self._client is not None:
            await self._client.aclose()


async def _body(answer: "httpx.Response", host: str) -> bytes:
    octets = b""
    with trio.CancelScope() as enough:  # a way out that httpx' generators clean up after
        async for piece in answer.aiter_bytes():
            octets += piece
            if len(octets) > SIZE_LIMIT:
                enough.cancel()
    if len(octets) > SIZE_LIMIT:
        raise FetchFailed(f"{host} answered more than {SIZE_LIMIT} bytes")
    return octets


def _checked(octets: bytes, host: str) -> str:
    """Return the text if it looks like a set of keys; the proxies read it closely."""
    try:
        keys = load_object(octets).get("keys")
    except ValueError:
        keys = None
    listed = keys if isinstance(keys, list) else []
    kinds = [each.get("kty") for each in listed if isinstance(each, dict)]
    if not {"RSA", "EC", "OKP"} & set(map(str, kinds)):
        raise FetchFailed(f"{host} answered no JSON Web Key Set with a public key in it")
    return octets.decode()


def _open_client() -> "httpx.AsyncClient":
    import httpx  # noqa: PLC0415 - see the head of this file

    return httpx.AsyncClient(
        limits=httpx.Limits(max_keepalive_connections=0),
        # A proxy that the environment names stands not between this machine and itself.
        mounts={"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None},
        headers={"User-Agent": f"webqx-sv/{__version__} (keys)", "Accept": "application/json"},
    )
