"""What is written about the metrics is true: the dashboard asks for what there is."""

import json
import re
from pathlib import Path

import pytest

from webqx_supervisor.core.metrics import METRICS, Type

DOCS = Path(__file__).parents[2] / "docs"
KNOWN = {metric.name: metric for metric in METRICS}
ADDED = {"job", "instance"}
"""By Prometheus, to every sample."""


def dashboard():
    return json.loads((DOCS / "grafana-dashboard.json").read_text("utf-8"))


QUERIES = [
    pytest.param(target["expr"], target["legendFormat"], id=panel["title"])
    for panel in dashboard()["panels"]
    for target in panel.get("targets", ())
]


def metrics_in(query):
    for name in re.findall(r"webqx_\w+", query):
        bare = re.sub(r"_(bucket|count|sum)$", "", name)
        yield KNOWN[bare if KNOWN.get(bare) and KNOWN[bare].type is Type.HISTOGRAM else name]


@pytest.mark.parametrize(("query", "legend"), QUERIES)
def test_a_panel_asks_for_metrics_and_labels_that_there_are(query, legend):
    found = list(metrics_in(query))
    assert found
    labels = ADDED.union(*(metric.labels for metric in found))
    if any(metric.type is Type.HISTOGRAM for metric in found):
        labels.add("le")
    asked = set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", query))
    for group in re.findall(r"\bby \(([^)]*)\)", query):
        asked |= {each.strip() for each in group.split(",")}
    asked |= set(re.findall(r"\{\{(\w+)\}\}", legend))
    assert asked <= labels


@pytest.mark.parametrize(("query", "legend"), QUERIES)
def test_what_only_grows_is_asked_for_its_growth(query, legend):
    for metric in metrics_in(query):
        if metric.type is not Type.GAUGE:
            assert re.search(rf"(rate|increase)\({metric.name}", query)


def test_panels_neither_overlap_nor_share_a_number():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_what_can_be_chosen_comes_from_metrics_that_there_are():
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            assert all(metrics_in(variable["definition"]))


def test_the_examples_of_the_page_ask_for_what_there_is():
    page = (DOCS / "metrics.md").read_text("utf-8")
    examples = page.split("```")[-2]
    assert len(list(metrics_in(examples))) >= 5
