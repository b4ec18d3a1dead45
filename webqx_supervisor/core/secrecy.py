"""Keep secrets out of what is written and shown."""

from collections.abc import Iterable

SHORTEST = 6
"""Characters: what is shorter would be found by chance all over a text, and is not looked for."""
MASKED = "***"


class Mask:
    """Puts `***` for each of some values and, where one has several lines, for each of them.

    The longest come first, so that none hides a part of another.
    """

    __slots__ = ("_octets", "_texts")

    def __init__(self, values: Iterable[str] = ()) -> None:
        parts = {part for value in values for part in (value, *map(str.strip, value.splitlines()))}
        long_enough = (part for part in parts if len(part) >= SHORTEST)
        self._texts = sorted(long_enough, key=len, reverse=True)
        # Secrets that are no UTF-8 are held as the environment holds them (PEP 383).
        self._octets = [each.encode("utf-8", "surrogateescape") for each in self._texts]

    def text(self, text: str) -> str:
        """Return the text masked."""
        for secret in self._texts:
            text = text.replace(secret, MASKED)
        return text

    def octets(self, octets: bytes) -> bytes:
        """Return octets masked: whole lines, or a secret may be cut in two."""
        for secret in self._octets:
            octets = octets.replace(secret, MASKED.encode())
        return octets
