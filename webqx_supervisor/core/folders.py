"""How the names in a request and the files below a folder belong together."""

import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

# A name is not empty, no dot segment, and holds nothing that some system takes for a separator.
_NAME = rb"(?!\.\.?(?:/|\Z))[^/\\\0]++"
_PLAIN_NAME = rb"[^./\\\0][^/\\\0]*+"
_ANY = re.compile(rb"(?:" + _NAME + rb"(?:/|\Z))*+").fullmatch
# RFC 8615: what is well known is meant to be found.
_PLAIN = re.compile(rb"(?:\.well-known(?:/|\Z))?+(?:" + _PLAIN_NAME + rb"(?:/|\Z))*+").fullmatch
_HIDES_SLASH = re.compile(r"%2[fF]").search

_TEXT = "; charset=utf-8"
_TYPES = {
    "text/html" + _TEXT: "html htm",
    "text/css" + _TEXT: "css",
    "text/javascript" + _TEXT: "js mjs cjs",
    "text/plain" + _TEXT: "txt text log md ini conf",
    "text/csv" + _TEXT: "csv",
    "text/calendar" + _TEXT: "ics",
    "text/vtt" + _TEXT: "vtt",
    "application/json": "json map",
    "application/manifest+json": "webmanifest",
    "application/xml": "xml xsl",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/xhtml+xml": "xhtml",
    "application/wasm": "wasm",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/zstd": "zst",
    "application/x-tar": "tar",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/x-7z-compressed": "7z",
    "application/epub+zip": "epub",
    "application/vnd.ms-fontobject": "eot",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "image/png": "png",
    "image/jpeg": "jpg jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/svg+xml": "svg",
    "image/x-icon": "ico",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg oga opus",
    "audio/wav": "wav",
    "audio/mp4": "m4a",
    "audio/flac": "flac",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/mp2t": "ts",
    "application/vnd.apple.mpegurl": "m3u8",
}
_BY_SUFFIX = {
    suffix.encode(): kind.encode()
    for kind, suffixes in _TYPES.items()
    for suffix in suffixes.split()
}
_UNKNOWN = b"application/octet-stream"


def inner_path(path: str, *, hidden: bool) -> bytes | None:
    """Return the name of a file below a folder, None for what may be none.

    `path` is what the request says below the folder, without the slash between them; the name ends
    in a slash, or is empty, where a folder is asked for. Nothing that climbs, hides a separator or,
    unless `hidden`, begins with a dot passes.
    """
    if _HIDES_SLASH(path):
        return None
    inner = path.encode("latin-1") if "%" not in path else unquote_to_bytes(path)
    return inner if (_ANY(inner) if hidden else _PLAIN(inner)) else None


def content_type(name: bytes) -> bytes:
    """Return the media type by a file's suffix: the same on every machine."""
    return _BY_SUFFIX.get(suffix(name).lower(), _UNKNOWN)


def suffix(name: bytes) -> bytes:
    """Return what stands behind the last dot of a path's last name; b"" for no dot."""
    return name[name.rfind(b"/") + 1 :].rpartition(b".")[2] if _has_suffix(name) else b""


def is_page(name: bytes, accept: bytes | None) -> bool:
    """Say whether somebody who finds nothing by this name should get the front end's page.

    A browser that goes to an address asks for HTML. A script or picture that is gone must stay so:
    a page in its place would be taken, and kept, for it.
    """
    return not _has_suffix(name) or wants_html(accept)


def wants_html(accept: bytes | None) -> bool:
    """Say whether an Accept field names HTML: people's browsers do, programs and scripts do not."""
    return accept is not None and b"text/html" in accept.lower()


def fitting(patterns: tuple[tuple[str, str], ...]) -> Callable[[bytes], str]:
    """Return what finds the value that counts for a name; "" where no pattern fits.

    A pattern with a slash is the path from the folder on, another one the last name; `*` stands for
    anything. The pattern that says most counts, of two alike the first.
    """
    rules = [
        (_compiled(pattern), "/" in pattern, value)
        for pattern, value in sorted(patterns, key=lambda pair: -len(pair[0].replace("*", "")))
    ]

    def find(name: bytes) -> str:
        path = b"/" + name
        last = path[path.rfind(b"/") + 1 :]
        for fits, whole, value in rules:
            if fits(path if whole else last):
                return value
        return ""

    return find


def _compiled(pattern: str) -> Callable[[bytes], object]:
    parts = (re.escape(part) for part in re.sub(r"\*+", "*", pattern).encode().split(b"*"))
    return re.compile(b".*".join(parts), re.DOTALL).fullmatch


def _has_suffix(name: bytes) -> bool:
    return b"." in name[name.rfind(b"/") + 1 :]
