"""Which changes of files count."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import PurePath


def counts(path: str, roots: Iterable[str], ignore: Collection[str]) -> bool:
    """Say whether `path` is one of `roots`, or lies in one and nothing in `ignore` matches it.

    A pattern, as a shell has them, is held against the path below the root and against each folder
    on the way there, once whole and once by its last name: "*.log", "build" and "src/gen/*" do what
    one expects.
    """
    file = PurePath(path)
    for root in roots:
        if file == PurePath(root):
            return True
        if file.is_relative_to(root):
            below = file.relative_to(root)
            ways = (below, *below.parents[:-1])
            return not any(
                fnmatchcase(str(way), pattern) or fnmatchcase(way.name, pattern)
                for way in ways
                for pattern in ignore
            )
    return False
