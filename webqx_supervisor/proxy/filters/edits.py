"""Fields of requests that are set, added or removed before the worker sees them."""

from webqx_supervisor.core.wire.edits import field_lines, stripper
from webqx_supervisor.model.filters import Edits
from webqx_supervisor.proxy.exchange import Exchange


class EditsFilter:
    """The changes of one route."""

    def __init__(self, edits: Edits) -> None:
        self._strip = stripper(stripped(edits))
        self._lines = field_lines((*edits.set, *edits.add))

    def ask(self, exchange: Exchange) -> None:
        """Change the request."""
        head = exchange.head
        if self._strip is not None:
            head.kept = self._strip(head.kept)
        head.kept += self._lines


def stripped(edits: Edits) -> list[bytes]:
    """Return the names, in lower case, of what does not stay."""
    return [name.lower().encode() for name in (*edits.remove, *(name for name, _ in edits.set))]
