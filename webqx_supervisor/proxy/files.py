"""Requests that are answered with files: conditions, ranges, encoded siblings, front ends."""

import os
import time
from dataclasses import dataclass

from webqx_supervisor.core import conditional
from webqx_supervisor.core.encodings import is_compressible, ranked, weakened
from webqx_supervisor.core.folders import content_type, fitting, inner_path, is_page
from webqx_supervisor.core.listing import render_listing
from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.core.wire.messages import ResponseHead
from webqx_supervisor.model.gateway import Files, Route
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.fileanswer import send_encoded, send_part, stripped
from webqx_supervisor.proxy.folder import Folder, Opened
from webqx_supervisor.proxy.refusal import Refused, Settled

AGAIN = 1.0
"""s for which a file without encoded siblings is taken to have none."""
_ALLOW = b"Allow: GET, HEAD, OPTIONS\r\n"
_SIBLINGS = {b"br": b".br", b"zstd": b".zst", b"gzip": b".gz"}
_CODINGS = tuple(_SIBLINGS)
_REMEMBERED = 4096
_VARY = b"Vary: Accept-Encoding\r\n"


@dataclass(slots=True)
class _Found:
    """What a request gets; `vary` and `coding` are about how it was chosen."""

    file: Opened
    name: bytes
    coding: bytes = b""
    vary: bytes = b""


class FilesCarrier:
    """One folder behind one route."""

    def __init__(self, route: Route, files: Files) -> None:
        self._files = files
        self._folder = Folder(files.folder)
        self._prefix = 0 if route.pattern else len(route.path.rstrip("/"))
        self._index = tuple(os.fsencode(name) for name in files.index)
        self._fallback = os.fsencode(files.fallback)
        self._cache = fitting(files.cache)
        self._alone: dict[tuple[bytes, tuple[bytes, ...]], float] = {}
        """Files that have none of these siblings, and until when that is believed."""

    async def carry(self, exchange: Exchange) -> None:
        """Answer. Raises Refused, Settled, and Cut for a file that ends too soon."""
        method = exchange.head.method
        if method not in (b"GET", b"HEAD"):
            if method == b"OPTIONS":
                raise Settled(204, _ALLOW)
            raise Refused(405, "a file can only be read", _ALLOW)
        found = self._find(exchange)
        try:
            await self._answer(exchange, found)
        finally:
            os.close(found.file.fd)

    def _find(self, exchange: Exchange) -> _Found:
        """Return the open file that answers. Raises Refused, and Settled with what else does."""
        path = exchange.head.path[self._prefix :]
        inner = inner_path(path[1:], hidden=self._files.hidden)
        if inner is None:
            raise _absent()
        if not path or (inner and not inner.endswith(b"/")):
            opened = self._folder.open(inner)
            if opened is not None and opened.is_folder:
                os.close(opened.fd)
                raise _with_slash(exchange)
            if opened is not None:
                return self._negotiated(exchange, opened, inner)
        else:
            for index in self._index:
                opened = self._file(inner + index)
                if opened is not None:
                    return self._negotiated(exchange, opened, inner + index)
            if self._files.listing:
                self._list(exchange, inner)
        return self._page(exchange, inner)

    def _file(self, inner: bytes) -> Opened | None:
        opened = self._folder.open(inner)
        if opened is not None and opened.is_folder:
            os.close(opened.fd)
            return None
        return opened

    def _page(self, exchange: Exchange, inner: bytes) -> _Found:
        """Return the page of a front end that knows by itself what the address means."""
        if not self._fallback:
            raise _absent()
        accept = find_value(exchange.head.block, b"accept")
        opened = self._file(self._fallback) if is_page(inner, accept) else None
        if opened is None:
            raise _absent()
        found = self._negotiated(exchange, opened, self._fallback)
        if not is_page(inner, None):
            found.vary += b"Vary: Accept\r\n"
        return found

    def _list(self, exchange: Exchange, inner: bytes) -> None:
        folder = self._folder.open(inner)
        if folder is None:
            return
        try:
            if folder.is_folder:
                entries = list(self._folder.entries(folder, hidden=self._files.hidden))
                body = render_listing(exchange.head.path, entries)
                raise Settled(
                    200, b"Cache-Control: no-cache\r\n", body, b"text/html; charset=utf-8"
                )
        except OSError as error:
            raise Refused(500, f"the folder cannot be read: {error.strerror}") from error
        finally:
            os.close(folder.fd)

    def _negotiated(self, exchange: Exchange, opened: Opened, name: bytes) -> _Found:
        """Return the file, or an encoded sibling that the client likes better."""
        found = _Found(opened, name)
        if not self._files.precompressed or not is_compressible(content_type(name)):
            return found
        found.vary = _VARY
        accepted = ranked(find_value(exchange.head.block, b"accept-encoding"), _CODINGS)
        now = exchange.gateway.reactor.now
        if not accepted or self._alone.get((name, accepted), 0.0) > now:
            return found
        for coding in accepted:
            sibling = self._file(name + _SIBLINGS[coding])
            if sibling is None:
                continue
            # One that is older was left behind by somebody who made only the file anew.
            if sibling.modified_ns // 10**9 < opened.modified_ns // 10**9:
                os.close(sibling.fd)
                continue
            os.close(opened.fd)
            found.file, found.coding = sibling, coding
            return found
        if len(self._alone) >= _REMEMBERED:
            self._alone.clear()
        self._alone[name, accepted] = now + AGAIN
        return found

    async def _answer(self, exchange: Exchange, found: _Found) -> None:
        head, file, now = exchange.head, found.file, time.time()
        etag = _etag(found)
        modified = min(file.modified_ns // 10**9, int(now))
        lines = self._lines(found, modified)
        compressing = exchange.compress is not None and not found.coding
        status, span = 200, None
        lower = head.block.lower()
        if b"\nif-" in lower or b"\nrange:" in lower:
            fields = head.headers
            status = conditional.evaluate(fields, etag, modified)
            if status == conditional.NOT_MODIFIED:
                if compressing and exchange.coding and is_compressible(content_type(found.name)):
                    etag = weakened(etag)
                raise Settled(304, stripped(exchange, b"ETag: %b\r\n%b" % (etag, lines)))
            if status == conditional.FAILED:
                raise Refused(412, "the file is another one by now")
            if head.method == b"GET":
                span = _part(fields, file.size, etag, modified, now)
        lines = b"Content-Type: %b\r\nETag: %b\r\n%b" % (content_type(found.name), etag, lines)
        if span is not None:
            begin, length = span
            lines += b"Content-Range: bytes %d-%d/%d\r\n" % (begin, begin + length - 1, file.size)
            await send_part(exchange, file.fd, 206, span, lines)
        elif not (compressing and await _encoded(exchange, found, lines)):
            lines += b"Accept-Ranges: bytes\r\n"
            await send_part(exchange, file.fd, 200, (0, file.size), lines)

    def _lines(self, found: _Found, modified: int) -> bytes:
        """Return what an answer says of the file, be it whole, a part or none."""
        lines = conditional.last_modified(modified)
        control = self._cache(found.name)
        if control:
            lines += b"Cache-Control: %b\r\n" % control.encode("latin-1")
        if found.coding:
            lines += b"Content-Encoding: %b\r\n" % found.coding
        return lines + found.vary


def _etag(found: _Found) -> bytes:
    """Return a strong validator: a file of the same size and date is still another one.

    Build tools give all files one date, and an index page keeps its size when a name in it changes;
    the time of the inode's change cannot be set.
    """
    file = found.file
    mark = b"-" + found.coding if found.coding else b""
    return b'"%x-%x-%x%b"' % (file.modified_ns, file.changed_ns, file.size, mark)


def _part(
    fields: conditional.Fields, size: int, etag: bytes, modified: int, now: float
) -> tuple[int, int] | None:
    try:
        return conditional.part(fields, size, etag, modified, now)
    except conditional.Unsatisfiable:
        where = b"Content-Range: bytes */%d\r\n" % size
        raise Refused(416, "the file has no such part", where) from None


async def _encoded(exchange: Exchange, found: _Found, lines: bytes) -> bool:
    """Send the file compressed, if the route wants it so and it is worth it; say whether."""
    assert exchange.compress is not None
    head = ResponseHead(
        status=200,
        reason=b"OK",
        minor=1,
        kept=lines.replace(_VARY, b""),  # compressing brings its own
        block=b"\r\n%b\r\n" % lines,
        length=found.file.size,
        keep_alive=True,
        upgrade=b"",
        dated=False,
        content_length=found.file.size,
    )
    encoder = exchange.compress.encoder(head, exchange)
    if encoder is None:
        return False
    await send_encoded(exchange, found.file.fd, head, encoder, head.kept)
    return True


def _absent() -> Refused:
    return Refused(404, "no such file")


def _with_slash(exchange: Exchange) -> Settled:
    """Return the way to a folder, as its pages' relative links need it."""
    path, mark, query = exchange.target.partition(b"?")
    where = path + b"/" + mark + query
    return Settled(308, b"Location: %b\r\nCache-Control: no-cache\r\n" % where)
