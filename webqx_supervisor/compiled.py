"""Whether the compiled modules are used, or the sources that they were made from.

The interpreter takes an extension module before a source of the same name. In a checkout that
would hide every change until the next build, so what is older than its source is not used, nor
any other: their classes are laid out for each other. WEBQX_SV_PURE=1 asks for the sources.
"""

import os
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

PURE = "WEBQX_SV_PURE"


def choose(package: Path) -> None:
    """Have the sources of `package` imported if they must be; to be called before any other is."""
    if os.environ.get(PURE) or is_stale(package):

        def sources_only(path: str) -> FileFinder:
            if not Path(path).is_relative_to(package):
                raise ImportError(path)
            return FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))

        sys.path_hooks.insert(0, sources_only)
        sys.path_importer_cache.pop(str(package), None)


def is_stale(package: Path) -> bool:
    """Say whether a source is newer than a compiled module; an installed package never is."""
    if not (package.parent / "pyproject.toml").exists():
        return False
    made = list(extensions(package))
    if not made:
        return False
    oldest = min(path.stat().st_mtime for path in made)
    names = {path.with_name(path.name.partition(".")[0]) for path in made}
    sources = (name.with_suffix(kind) for name in names for kind in (".py", ".pyx", ".pxd"))
    return any(path.stat().st_mtime > oldest for path in sources if path.exists())


def extensions(package: Path) -> Iterator[Path]:
    """Yield the compiled modules for this interpreter."""
    for suffix in EXTENSION_SUFFIXES[:1]:
        yield from package.rglob(f"*{suffix}")
