"""The text is what the official client makes of the same samples, and what it reads."""

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from webqx_supervisor.core import metrics
from webqx_supervisor.core.counting import BOUNDS, BUCKETS
from webqx_supervisor.core.exposition import Samples
from webqx_supervisor.core.metrics import METRICS
from webqx_supervisor.core.traffic import Histogram

words = st.text(st.characters(exclude_categories=("Cs",)))


class Collector:
    """Gives the official client what it is to write."""

    def __init__(self, *families):
        self.families = families

    def collect(self):
        return self.families


def official(*families) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(*families))
    return generate_latest(registry).decode()


@given(words, words, st.floats(0, 1e300) | st.integers(0, 2**53))
def test_a_counter_is_written_as_the_official_client_does(route, service, number):
    samples = Samples()
    samples.add(metrics.RETRIES, (route, service), number)
    metric = metrics.RETRIES
    family = CounterMetricFamily(
        metric.name.removesuffix("_total"), metric.help, labels=metric.labels
    )
    family.add_metric((route, service), number)
    assert samples.text() == official(family)


def test_so_are_gauges_and_those_without_labels():
    samples = Samples()
    samples.add(metrics.DAEMON_FDS, (), 12)
    samples.add(metrics.BUILD, ("0.1.0", "3.11"), 1)
    fds = GaugeMetricFamily(metrics.DAEMON_FDS.name, metrics.DAEMON_FDS.help, value=12)
    build = GaugeMetricFamily(metrics.BUILD.name, metrics.BUILD.help, labels=metrics.BUILD.labels)
    build.add_metric(("0.1.0", "3.11"), 1)
    assert samples.text() == official(fds, build)


def test_and_histograms():
    times = Histogram(tuple(range(BUCKETS)), 1234.5)
    samples = Samples()
    samples.add_histogram(metrics.WAITS, ("api",), times)
    family = HistogramMetricFamily(metrics.WAITS.name, metrics.WAITS.help, labels=("service",))
    bounds = [*(floatToGoString(each) for each in BOUNDS), "+Inf"]
    pairs = list(zip(bounds, times.cumulative(), strict=True))
    family.add_metric(("api",), pairs, sum_value=times.seconds)
    assert samples.text() == official(family)


@given(words, words)
def test_the_official_client_reads_what_was_written(route, service):
    samples = Samples()
    samples.add(metrics.IN_FLIGHT, (route, service), 3)
    (family,) = text_string_to_metric_families(samples.text())
    assert family.samples[0].labels == {"route": route, "service": service}
    assert family.samples[0].value == 3


def test_names_follow_the_rules_for_them():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert metric.name.startswith("webqx_")
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.help.endswith(".") or metric.help.endswith("runs.")
        # Prometheus writes its own `instance` and `job` over what comes with a sample.
        assert not {"instance", "job", "le"} & set(metric.labels)


def test_what_has_no_samples_is_not_shown():
    assert Samples().text() == ""


def test_the_last_bound_is_infinite():
    samples = Samples()
    samples.add_histogram(metrics.WAITS, ("api",), Histogram())
    assert 'le="+Inf"' in samples.text()
    assert math.inf not in BOUNDS
