"""Changes to the lines of a parsed head: `Name: value` each, with its CRLF."""

from collections.abc import Callable, Collection, Iterable

from webqx_supervisor.core.wire.lines import begins_any, values


def find_value(block: bytes, name: bytes) -> bytes | None:
    """Return what the first field of this lower-case name says in a whole head; None: not there."""
    found = values(block, name + b":")
    return found[0] if found else None


def stripper(names: Collection[bytes]) -> Callable[[bytes], bytes] | None:
    """Return what takes these fields out of lines; None for no names.

    Names are lower case; one that ends in a star is the beginning of names.
    """
    if not names:
        return None
    exact = frozenset(name for name in names if not name.endswith(b"*"))
    begins = tuple(name[:-1] for name in names if name.endswith(b"*"))
    marks = (*(name + b":" for name in sorted(exact)), *begins)

    def strip(lines: bytes) -> bytes:
        # Mostly nothing is to be taken out, and to see that is all that it costs.
        return _without(lines, exact, begins) if begins_any(lines, marks) else lines

    return strip


def field_lines(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Write names and values, each of which may stand in a field, as lines."""
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode("latin-1")


def _without(lines: bytes, exact: frozenset[bytes], begins: tuple[bytes, ...]) -> bytes:
    kept = []
    for line in lines.splitlines(keepends=True):
        name = line.partition(b":")[0].lower()
        if name not in exact and not name.startswith(begins):
            kept.append(line)
    return b"".join(kept)
