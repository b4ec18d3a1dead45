"""Where a request goes on to, made of where it went: rewritten targets and redirects."""

import re

_PLACE = re.compile(r"\{(host|path|query)\}")


def rewritten(target: bytes, routed: str, prefix: str, instead: str) -> bytes:
    """Return the target with `instead` for its `prefix`, a path of whole segments.

    `routed` is its path as routes see it, which begins so: a target that does only after escapes
    and dots are resolved goes on resolved. Left alone, it would be a way around the rewriting.
    """
    path, mark, query = target.partition(b"?")
    begins = prefix.rstrip("/").encode()
    if not (path + b"/").startswith(begins + b"/"):
        path = routed.encode("ascii")
    rest = path[len(begins) :]
    path = instead.rstrip("/").encode() + rest
    if not path.startswith(b"/") or path.startswith(b"//"):
        path = b"/" + path.lstrip(b"/")  # two slashes would name a host
    return path + mark + query


def location(to: str, target: bytes, authority: bytes) -> bytes:
    """Return where a redirect leads: `to` with {host}, {path} and {query} of the request."""
    path, mark, query = target.decode("latin-1").partition("?")
    if to.startswith("{path}"):
        path = "/" + path.lstrip("/")  # two slashes would name a host
    parts = {"host": authority.decode("latin-1"), "path": path, "query": mark + query}
    return _PLACE.sub(lambda place: parts[place[1]], to).encode("latin-1")
