"""Samples to the text that Prometheus reads.

https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4; octet for octet what
the official client for Python makes of the same.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from webqx_supervisor.core.counting import BOUNDS
from webqx_supervisor.core.metrics import METRICS, Metric
from webqx_supervisor.core.traffic import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Sample = tuple[str, tuple[tuple[str, str], ...], float]
"""What stands behind the metric's name, labels, value."""


class Samples:
    """What is to be shown, by metric; no two samples of one may have the same labels."""

    def __init__(self) -> None:
        self._samples: dict[str, list[_Sample]] = {}

    def add(self, metric: Metric, values: Sequence[str], number: float) -> None:
        """Add a sample with these values of the metric's labels."""
        labels = tuple(zip(metric.labels, values, strict=True))
        self._samples.setdefault(metric.name, []).append(("", labels, number))

    def add_histogram(self, metric: Metric, values: Sequence[str], times: Histogram) -> None:
        """Add all samples of a histogram."""
        labels = tuple(zip(metric.labels, values, strict=True))
        samples = self._samples.setdefault(metric.name, [])
        bounds = (*BOUNDS, math.inf)
        for bound, count in zip(bounds, times.cumulative(), strict=True):
            samples.append(("_bucket", (*labels, ("le", _number(bound))), count))
        samples.append(("_count", labels, times.count))
        samples.append(("_sum", labels, times.seconds))

    def text(self) -> str:
        """Return all of it."""
        return "".join(self._lines(METRICS))

    def _lines(self, metrics: Iterable[Metric]) -> Iterator[str]:
        for metric in metrics:
            samples = self._samples.get(metric.name)
            if samples:
                yield f"# HELP {metric.name} {_escaped(metric.help)}\n"
                yield f"# TYPE {metric.name} {metric.type.value}\n"
                yield from (_line(metric, sample) for sample in samples)


def _line(metric: Metric, sample: _Sample) -> str:
    suffix, labels, value = sample
    said = ",".join(f'{name}="{_quoted(text)}"' for name, text in sorted(labels))
    return f"{metric.name}{suffix}{f'{{{said}}}' if said else ''} {_number(value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")


def _number(value: float) -> str:
    """Return a number as Go writes it: with an exponent from a million on."""
    if math.isinf(value):
        return "+Inf"
    text = repr(float(value))
    dot = text.find(".")
    if value > 0 and dot > 6:
        return f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.") + f"e+{dot - 1:02d}"
    return text
