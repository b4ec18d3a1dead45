"""What is in a folder, as a page."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote_from_bytes

_PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:1rem/1.5 sans-serif;margin:2rem}}td{{padding-right:2rem}}</style>
<h1>{title}</h1>
<table>
{rows}
</table>
"""
_ROW = '<tr><td><a href="{href}">{name}</a><td>{size}'


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder; `size` in bytes, None for a folder."""

    name: bytes
    size: int | None


def render_listing(path: str, entries: Iterable[Entry]) -> bytes:
    """Return the page for the folder at `path`: folders first, then files, each by name."""
    ordered = sorted(entries, key=lambda entry: (entry.size is not None, entry.name))
    rows = [] if path == "/" else [_ROW.format(href="../", name="../", size="")]
    rows += [_row(entry) for entry in ordered]
    return _PAGE.format(title=escape(path), rows="\n".join(rows)).encode()


def _row(entry: Entry) -> str:
    slash = "/" if entry.size is None else ""
    name = entry.name.decode("utf-8", "replace")
    return _ROW.format(
        href="./" + quote_from_bytes(entry.name, safe="") + slash,  # "./": a colon makes no scheme
        name=escape(name) + slash,
        size="" if entry.size is None else f"{entry.size:,}",
    )
