"""The files of the page, read once when the first browser comes."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from webqx_supervisor.control.server import Page

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml",
    }
)
ENTRANCE = "index.html"


@cache
def pages() -> Mapping[str, Page]:
    """Return what each path of the page is answered with."""
    folder = resources.files(__package__) / "page"
    found = {}
    for file in folder.iterdir():
        kind = TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            page = Page(file.read_bytes(), kind, extra=b"Cache-Control: no-cache\r\n")
            found["/" if file.name == ENTRANCE else f"/{file.name}"] = page
    found["/favicon.ico"] = found["/icon.svg"]  # which browsers ask for where no page names another
    return MappingProxyType(found)
