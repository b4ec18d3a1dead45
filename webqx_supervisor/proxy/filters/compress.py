"""Answers are compressed for clients that take it, if they are worth it and not packed already.

gzip is the standard library's; br and zstd are offered where their libraries are installed, and
loaded only when a client gets the first such answer.
"""

import importlib.util
import zlib
from collections.abc import Callable
from typing import Any, cast

from webqx_supervisor.core.encodings import choose, is_compressible, weakened
from webqx_supervisor.core.wire.edits import find_value, stripper
from webqx_supervisor.core.wire.messages import ResponseHead
from webqx_supervisor.model.filters import Compress
from webqx_supervisor.proxy.exchange import Encoder, Exchange

VARY = b"Vary: Accept-Encoding\r\n"

# Levels that are cheap enough to compress each answer anew, as servers do by default.
_GZIP_LEVEL = 5
_BROTLI_QUALITY = 4
_ZSTD_LEVEL = 3

_LIBRARIES = {"gzip": "zlib", "br": "brotli", "zstd": "zstandard"}
_NO_BODY = frozenset({101, 204, 205, 206, 304})
# Said of the octets before they were encoded; digests by RFC 9530 and its predecessors.
_OF_CONTENT = [b"accept-ranges", b"content-digest", b"content-md5", b"digest", b"repr-digest"]
_without_replaced = stripper([b"etag", *_OF_CONTENT]) or bytes


class CompressFilter:
    """One policy."""

    def __init__(self, policy: Compress) -> None:
        self._policy = policy
        self._offered = [
            coding.encode()
            for coding in policy.encodings
            if importlib.util.find_spec(_LIBRARIES[coding]) is not None
        ]

    def ask(self, exchange: Exchange) -> None:
        """Note how the client is to get its answer; whether it does, its head will tell."""
        exchange.compress = self
        exchange.coding = choose(find_value(exchange.head.block, b"accept-encoding"), self._offered)

    def encoder(self, head: ResponseHead, exchange: Exchange) -> Encoder | None:
        """Return what encodes the body that follows, and change the head so; None: nothing does."""
        if head.status < 200 or head.status in _NO_BODY or not self._is_worth(head):
            return None
        head.kept += VARY
        if exchange.coding is None or exchange.head.method == b"HEAD":
            return None
        etag = find_value(head.block, b"etag")
        head.kept = _without_replaced(head.kept)
        if etag is not None:
            head.kept += b"ETag: %b\r\n" % weakened(etag)
        head.kept += b"Content-Encoding: %b\r\n" % exchange.coding
        return _ENCODERS[exchange.coding]()

    def _is_worth(self, head: ResponseHead) -> bool:
        # To HEAD there is no body, but the length of one.
        length = head.length or head.content_length
        if length is not None and 0 <= length < self._policy.min_size:
            return False
        block = head.block
        if find_value(block, b"content-encoding") is not None:
            return False
        if b"no-transform" in (find_value(block, b"cache-control") or b"").lower():
            return False
        kind = find_value(block, b"content-type") or b""
        if self._policy.types:
            return kind.partition(b";")[0].strip().lower().decode("latin-1") in self._policy.types
        return is_compressible(kind)


class _Gzip:
    def __init__(self) -> None:
        self._coder = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)

    def encode(self, content: bytes) -> bytes:
        return self._coder.compress(content)

    def flush(self) -> bytes:
        return self._coder.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._coder.flush(zlib.Z_FINISH)


class _Brotli:
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]  # noqa: PLC0415 - half a MB for who uses it

        self._coder: Any = brotli.Compressor(quality=_BROTLI_QUALITY)

    def encode(self, content: bytes) -> bytes:
        return cast("bytes", self._coder.process(content))

    def flush(self) -> bytes:
        return cast("bytes", self._coder.flush())

    def finish(self) -> bytes:
        return cast("bytes", self._coder.finish())


class _Zstd:
    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415 - as above

        self._module = zstandard
        self._coder = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()

    def encode(self, content: bytes) -> bytes:
        return self._coder.compress(content)

    def flush(self) -> bytes:
        return self._coder.flush(self._module.COMPRESSOBJ_FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._coder.flush()


_ENCODERS: dict[bytes, Callable[[], Encoder]] = {b"gzip": _Gzip, b"br": _Brotli, b"zstd": _Zstd}
