"""Requests that are answered with files: what is known of them, conditions, ranges."""

import os
import time
from collections.abc import Awaitable

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
            waiting = _answer(exchange, answerable)
            if waiting is not None:
                await waiting
            return
        found = self._finder.find(exchange, accepted)
        try:
            now = time.time_ns()
            answerable = self._answerable(found, now)
            if found.lasting and len(head.path) <= _LONGEST_KEY:
                path = self._finder.folder.path + found.path
                self._known.keep(key, answerable, path, exchange.gateway.reactor.now, now)
            waiting = _answer(exchange, answerable)
            if waiting is not None:
                await waiting
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
        return Answerable(
            _etag(found), modified, file.size, kind, bool(found.coding), lines, file.fd
        )


def _answer(exchange: Exchange, file: Answerable) -> Awaitable[None] | None:
    """Send the answer; return what is left to be awaited of it, None: nothing."""
    head = exchange.head
    lower = head.block.lower()
    if b"\nif-" in lower or b"\nrange:" in lower:
        verdict = conditional.evaluate(head.headers, file.etag, file.modified)
        if verdict == conditional.NOT_MODIFIED:
            raise Settled(304, stripped(exchange, _tag_as_sent(exchange, file) + file.lines))
        if verdict == conditional.FAILED:
            raise Refused(412, "the file is another one by now")
        span = _part(head.headers, file) if head.method == b"GET" else None
        if span is not None:
            begin, length = span
            where = b"Content-Range: bytes %d-%d/%d\r\n" % (begin, begin + length - 1, file.size)
            return send_part(exchange, file, 206, span, _described(file) + where)
    lines = _described(file)
    if exchange.compress is not None and not file.encoded:
        waiting, lines = _encoded(exchange, file, lines)
        if waiting is not None:
            return waiting
    lines += b"Accept-Ranges: bytes\r\n"
    return send_part(exchange, file, 200, (0, file.size), lines)


def _described(file: Answerable) -> bytes:
    return b"Content-Type: %b\r\nETag: %b\r\n%b" % (file.content_type, file.etag, file.lines)


def _tag_as_sent(exchange: Exchange, file: Answerable) -> bytes:
    """Return the ETag line that a whole answer would have: compressed, it is a weak one."""
    compressed = exchange.compress is not None and exchange.coding is not None
    if compressed and not file.encoded and is_compressible(file.content_type):
        return b"ETag: %b\r\n" % weakened(file.etag)
    return b"ETag: %b\r\n" % file.etag


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


def _encoded(
    exchange: Exchange, file: Answerable, lines: bytes
) -> tuple[Awaitable[None] | None, bytes]:
    """Return what sends the file compressed, if the route wants it so and it is worth it.

    The lines are those that tell about it; not compressed for this client, they say so to caches.
    """
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
    if encoder is not None:
        return send_encoded(exchange, file, encoder, head.kept), head.kept
    return None, head.kept if VARY in head.kept else lines
