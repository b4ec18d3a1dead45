"""Proxies measured in turn, round after round, and the table that comes of it."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benches.peers import OURS, Peer
from benches.report import median_ratio, table

ROUNDS = 5


@dataclass(frozen=True)
class Sample:
    """One turn of one proxy: CPU for a unit, units a second, and how many failed."""

    cost: float
    rate: float
    failed: int = 0


def in_turn(proxies: Sequence[Peer], measure: Callable[[Peer], Sample]) -> dict[str, list[Sample]]:
    """Measure every proxy once a round; the round before the first only warms up."""
    samples: dict[str, list[Sample]] = {proxy.name: [] for proxy in proxies}
    for _ in range(ROUNDS + 1):
        for proxy in proxies:
            samples[proxy.name].append(measure(proxy))
    return {name: turns[1:] for name, turns in samples.items()}


def compare(title: str, units: tuple[str, str], samples: dict[str, list[Sample]]) -> None:
    """Print medians, and the median over the rounds of the product ÷ each peer."""
    rows = [("", *units, f"{OURS} ÷ it", "failed")]
    ours = [sample.cost for sample in samples[OURS]]
    for name, turns in samples.items():
        costs = [sample.cost for sample in turns]
        ratio = "" if name == OURS else f"{median_ratio(ours, costs):.2f}"
        cost, rate = statistics.median(costs), statistics.median(turn.rate for turn in turns)
        digits = 2 if cost < 100 else 0
        failed = sum(turn.failed for turn in turns)
        rows.append(
            (
                name,
                f"{cost:.{digits}f}",
                f"{rate:,.{digits if rate < 100 else 0}f}",
                ratio,
                str(failed),
            )
        )
    table(title, rows)
