"""Tables as they are printed, and the figures in them."""

import statistics
import sys
from collections.abc import Iterable, Sequence


def table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of one length, aligned; figures stand to the right of the first column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"\n{title}\n{'-' * len(title)}")
    for name, *cells in rows:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        # A single column of values is text.
        print("  ".join([name.ljust(widths[0]), *(padded if len(cells) > 1 else cells)]))
    sys.stdout.flush()


def median_ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """Return the median of ours ÷ theirs over rounds that were measured in turn."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
