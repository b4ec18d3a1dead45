"""What routes need of this machine: folders that are there, pages that can be read."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from webqx_supervisor.config.explain import Complaint
from webqx_supervisor.config.filters import Filters
from webqx_supervisor.config.lines import KeyPath
from webqx_supervisor.config.paths import absolute
from webqx_supervisor.config.schema import ServicesToml
from webqx_supervisor.config.units import size_text

PAGE_LIMIT = 64 * 1024
"""Octets of an error page: every proxy holds it, and every table carries it."""


@dataclass(frozen=True, slots=True)
class RouteFiles:
    """The texts of all error pages, by how they are written in the file; and what is wrong."""

    pages: dict[str, str]
    complaints: tuple[Complaint, ...]


def read_route_files(document: ServicesToml, folder: Path) -> RouteFiles:
    """Look for all that routes and services name. Routes are counted as in `document`."""
    pages: dict[str, str] = {}
    complaints = list(_missing_folders(document, folder))
    for place, entry in _entries(document):
        for statuses, written in entry.error_pages.items():
            if written in pages:
                continue
            try:
                pages[written] = _read(absolute(folder, written))
            except (OSError, ValueError) as error:
                complaints.append(((*place, "error_pages", statuses), _reason(error)))
    return RouteFiles(pages, tuple(complaints))


def _missing_folders(document: ServicesToml, folder: Path) -> Iterator[Complaint]:
    for position, route in enumerate(document.routes):
        if route.files is None:
            continue
        path = absolute(folder, route.files.folder)
        if not os.path.isdir(path):  # noqa: PTH112 - False where pathlib raises
            yield ("routes", position, "files", "folder"), f"no such folder: {path}"


def _entries(document: ServicesToml) -> Iterator[tuple[KeyPath, Filters]]:
    for name, service in document.services.items():
        yield ("services", name), service
    for position, route in enumerate(document.routes):
        yield ("routes", position), route


def _read(path: str) -> str:
    """Return a page. Raises OSError, and ValueError with a sentence."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"no file: {path}")
        data = file.read(PAGE_LIMIT + 1)
    if len(data) > PAGE_LIMIT:
        raise ValueError(f"larger than {size_text(PAGE_LIMIT)}: {path}")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"not UTF-8 text: {path}") from None


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"{(error.strerror or str(error)).lower()}: {error.filename}"
    return str(error)
