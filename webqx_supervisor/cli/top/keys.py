"""What a terminal sends for each key. Source: ECMA-48, and what xterm and its kin do."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

SEQUENCES: Mapping[bytes, str] = MappingProxyType(
    {
        b"\x1b[A": "up",
        b"\x1bOA": "up",
        b"\x1b[B": "down",
        b"\x1bOB": "down",
        b"\x1b[5~": "page up",
        b"\x1b[6~": "page down",
        b"\x1b[H": "home",
        b"\x1bOH": "home",
        b"\x1b[1~": "home",
        b"\x1b[F": "end",
        b"\x1bOF": "end",
        b"\x1b[4~": "end",
        b"\x1b": "escape",
        b"\r": "enter",
        b"\n": "enter",
        b"\x7f": "backspace",
        b"\x08": "backspace",
    }
)
_LONGEST = max(map(len, SEQUENCES))


def names(octets: bytes) -> Iterator[str]:
    """Yield the name of each key in what was read at once; what is unknown is left out.

    A key that sends several octets sends them at once, so a lone escape is the escape key.
    """
    while octets:
        length = next(n for n in range(min(_LONGEST, len(octets)), 0, -1) if _known(octets, n))
        name = SEQUENCES.get(octets[:length]) or octets[:length].decode("ascii", "replace")
        octets = octets[length:]
        if name == "escape" and octets:  # a sequence of a key that has no use here
            octets = _after_sequence(octets)
            continue
        if name.isascii() and name.isprintable():
            yield name


def _known(octets: bytes, length: int) -> bool:
    return length == 1 or octets[:length] in SEQUENCES


def _after_sequence(octets: bytes) -> bytes:
    """Return what comes behind a control sequence: a final octet from @ to ~ ends it."""
    for at, octet in enumerate(octets[1:], 1):
        if 0x40 <= octet <= 0x7E:
            return octets[at + 1 :]
    return b""
