"""Which file a request means: by its path, by what the client can decode, or none."""

import os
from dataclasses import dataclass

from webqx_supervisor.core.encodings import is_compressible
from webqx_supervisor.core.folders import content_type, inner_path, is_page
from webqx_supervisor.core.listing import render_listing
from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.model.gateway import Files, Route
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.folder import Folder, Opened
from webqx_supervisor.proxy.refusal import Refused, Settled

CODINGS = (b"br", b"zstd", b"gzip")
"""Of encoded siblings, the smallest first."""
VARY = b"Vary: Accept-Encoding\r\n"

_SUFFIXES = {b"br": b".br", b"zstd": b".zst", b"gzip": b".gz"}


@dataclass(slots=True)
class Found:
    """An open file; `name` is that of the file that was asked for, `coding` how this one has it.

    `vary` holds the lines about how it was chosen; `lasting` says that by its path alone.
    """

    file: Opened
    name: bytes
    coding: bytes = b""
    vary: bytes = b""
    lasting: bool = True

    @property
    def path(self) -> bytes:
        """The name of the open file itself."""
        return self.name + _SUFFIXES.get(self.coding, b"")


class Finder:
    """The folder of one route."""

    def __init__(self, route: Route, files: Files) -> None:
        self.folder = Folder(files.folder)
        self._files = files
        self._prefix = 0 if route.pattern else len(route.path.rstrip("/"))
        self._index = tuple(os.fsencode(name) for name in files.index)
        self._fallback = os.fsencode(files.fallback)

    def find(self, exchange: Exchange, accepted: tuple[bytes, ...]) -> Found:
        """Return the open file that answers. Raises Refused, and Settled with what else does.

        `accepted` are the codings that the client takes, the best first.
        """
        path = exchange.head.path[self._prefix :]
        inner = inner_path(path[1:], hidden=self._files.hidden)
        if inner is None:
            raise _absent()
        if not path or (inner and not inner.endswith(b"/")):
            opened = self.folder.open(inner)
            if opened is not None and opened.is_folder:
                os.close(opened.fd)
                raise _with_slash(exchange)
            if opened is not None:
                return self._negotiated(opened, inner, accepted)
        else:
            for index in self._index:
                opened = self._file(inner + index)
                if opened is not None:
                    return self._negotiated(opened, inner + index, accepted)
            if self._files.listing:
                self._list(exchange, inner)
        return self._page(exchange, inner, accepted)

    def _file(self, inner: bytes) -> Opened | None:
        opened = self.folder.open(inner)
        if opened is not None and opened.is_folder:
            os.close(opened.fd)
            return None
        return opened

    def _page(self, exchange: Exchange, inner: bytes, accepted: tuple[bytes, ...]) -> Found:
        """Return the page of a front end that knows by itself what the address means."""
        if not self._fallback:
            raise _absent()
        accept = find_value(exchange.head.block, b"accept")
        opened = self._file(self._fallback) if is_page(inner, accept) else None
        if opened is None:
            raise _absent()
        found = self._negotiated(opened, self._fallback, accepted)
        if not is_page(inner, None):
            found.vary += b"Vary: Accept\r\n"
            found.lasting = False
        return found

    def _list(self, exchange: Exchange, inner: bytes) -> None:
        folder = self.folder.open(inner)
        if folder is None:
            return
        try:
            if folder.is_folder:
                entries = list(self.folder.entries(folder, hidden=self._files.hidden))
                body = render_listing(exchange.head.path, entries)
                raise Settled(
                    200, b"Cache-Control: no-cache\r\n", body, b"text/html; charset=utf-8"
                )
        except OSError as error:
            raise Refused(500, f"the folder cannot be read: {error.strerror}") from error
        finally:
            os.close(folder.fd)

    def _negotiated(self, opened: Opened, name: bytes, accepted: tuple[bytes, ...]) -> Found:
        """Return the file, or an encoded sibling that the client likes better."""
        found = Found(opened, name)
        if not self._files.precompressed or not is_compressible(content_type(name)):
            return found
        found.vary = VARY
        for coding in accepted:
            sibling = self._file(name + _SUFFIXES[coding])
            if sibling is None:
                continue
            # One that is older was left behind by somebody who made only the file anew.
            if sibling.modified_ns // 10**9 >= opened.modified_ns // 10**9:
                os.close(opened.fd)
                found.file, found.coding = sibling, coding
                return found
            os.close(sibling.fd)
        return found


def _absent() -> Refused:
    return Refused(404, "no such file")


def _with_slash(exchange: Exchange) -> Settled:
    """Return the way to a folder, as its pages' relative links need it."""
    path, mark, query = exchange.target.partition(b"?")
    where = path + b"/" + mark + query
    return Settled(308, b"Location: %b\r\nCache-Control: no-cache\r\n" % where)
