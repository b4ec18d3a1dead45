"""Requests that are answered with files: what is known of them, conditions, ranges."""

import os
import time

from webqx_supervisor.core import conditional
from webqx_supervisor.core.encodings import is_compressible, ranked, weakened
from webqx_supervisor.core.folders import content_type, fitting
from webqx_supervisor.core.wire.edits import find_value
from webqx_supervisor.core.wire.messages import ResponseHead
from webqx_supervisor.model.gateway import Files, Route
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.fileanswer import send_encoded, send_part, stripped
from webqx_supervisor.proxy.finder import CODINGS, VARY, Finder, Found
from webqx_supervisor.proxy.knownfiles import Answerable, KnownFiles
from webqx_supervisor.proxy.refusal import Refused, Settled

_ALLOW = b"Allow: GET, HEAD, OPTIONS\r\n"
_LONGEST_KEY = 1024


class FilesCarrier:
    """One folder behind one route."""

    def __init__(self, route: Route, files: Files) -> None:
        self._finder = Finder(route, files)
        self._codings = CODINGS if files.precompressed else ()
        self._cache = fitting(files.cache)
        self._known = KnownFiles()

    async def carry(self, exchange: Exchange) -> None:
        """Answer. Raises Refused, Settled, and Cut for a file that ends too soon."""
        head = exchange.head
        if head.method not in (b"GET", b"HEAD"):
            if head.method == b"OPTIONS":
                raise Settled(204, _ALLOW)
            raise Refused(405, "a file can only be read", _ALLOW)
        accepted = ranked(find_value(head.block, b"accept-encoding"), self._codings)
        key = head.path, accepted
        answerable = self._known.find(key, exchange.gateway.reactor.now)
        if answerable is not None:
            await _answer(exchange, answerable)
            return
        found = self._finder.find(exchange, accepted)
        try:
            now = time.time_ns()
            answerable = self._answerable(found, now)
            if found.lasting and len(head.path) <= _LONGEST_KEY:
                path = self._finder.folder.path + found.path
                self._known.keep(key, answerable, path, exchange.gateway.reactor.now, now)
            await _answer(exchange, answerable)
        finally:
            os.close(found.file.fd)

    def _answerable(self, found: Found, now: int) -> Answerable:
        file, kind = found.file, content_type(found.name)
        # A file from the future would never be older than what a client has (RFC 9110 8.8.2.1).
        modified = min(file.modified_ns, now) // 10**9
        lines = conditional.last_modified(modified)
        control = self._cache(found.name)
        if control:
            lines += b"Cache-Control: %b\r\n" % control.encode("latin-1")
        if found.coding:
            lines += b"Content-Encoding: %b\r\n" % found.coding
        lines += found.vary
        return Answerable(_etag(found), modified, file.size, kind, lines, file.fd)


async def _answer(exchange: Exchange, file: Answerable) -> None:
    head, etag = exchange.head, file.etag
    compressing = exchange.compress is not None and b"Content-Encoding:" not in file.lines
    span = None
    lower = head.block.lower()
    if b"\nif-" in lower or b"\nrange:" in lower:
        verdict = conditional.evaluate(head.headers, etag, file.modified)
        if verdict == conditional.NOT_MODIFIED:
            if compressing and exchange.coding and is_compressible(file.content_type):
                etag = weakened(etag)
            raise Settled(304, stripped(exchange, b"ETag: %b\r\n%b" % (etag, file.lines)))
        if verdict == conditional.FAILED:
            raise Refused(412, "the file is another one by now")
        if head.method == b"GET":
            span = _part(head.headers, file)
    lines = b"Content-Type: %b\r\nETag: %b\r\n%b" % (file.content_type, etag, file.lines)
    if span is not None:
        begin, length = span
        lines += b"Content-Range: bytes %d-%d/%d\r\n" % (begin, begin + length - 1, file.size)
        await send_part(exchange, file, 206, span, lines)
    elif not (compressing and await _encoded(exchange, file, lines)):
        lines += b"Accept-Ranges: bytes\r\n"
        await send_part(exchange, file, 200, (0, file.size), lines)


def _etag(found: Found) -> bytes:
    """Return a strong validator: a file of the same size and date is still another one.

    Build tools give all files one date, and an index page keeps its size when a name in it changes;
    the time of the inode's change cannot be set.
    """
    file = found.file
    mark = b"-" + found.coding if found.coding else b""
    return b'"%x-%x-%x%b"' % (file.modified_ns, file.changed_ns, file.size, mark)


def _part(fields: conditional.Fields, file: Answerable) -> tuple[int, int] | None:
    try:
        return conditional.part(fields, file.size, file.etag, file.modified, time.time())
    except conditional.Unsatisfiable:
        where = b"Content-Range: bytes */%d\r\n" % file.size
        raise Refused(416, "the file has no such part", where) from None


async def _encoded(exchange: Exchange, file: Answerable, lines: bytes) -> bool:
    """Send the file compressed, if the route wants it so and it is worth it; say whether."""
    assert exchange.compress is not None
    head = ResponseHead(
        status=200,
        reason=b"OK",
        minor=1,
        kept=lines.replace(VARY, b""),  # compressing brings its own
        block=b"\r\n%b\r\n" % lines,
        length=file.size,
        keep_alive=True,
        upgrade=b"",
        dated=False,
        content_length=file.size,
    )
    encoder = exchange.compress.encoder(head, exchange)
    if encoder is None:
        return False
    await send_encoded(exchange, file, encoder, head.kept)
    return True
