"""What a daemon remembers, and what it holds services to."""

import json
import os
import signal

import helpers
import httpx
import pytest


def history(project):
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(project.status_socket()))) as client:
        return client.get("http://x/history?service=api&seconds=3600").json()["points"]


def test_requests_are_remembered_over_a_killed_daemon_and_judged(project):
    more = 'slo = { availability = "99%", errors = "1%" }'
    project.service(more=more).cli("start")
    for _ in range(30):
        assert httpx.get(project.url).status_code == 200
    helpers.until(lambda: sum(point["requests"] for point in history(project)) == 30, 40)
    for point in history(project):
        if point["requests"]:
            assert point["workers_up"] == 2
            assert 0 < point["p50"] <= point["p99"] < 10
            assert point["rss_bytes"] > 1_000_000
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert sum(point["requests"] for point in history(project)) == 30
    helpers.until(lambda: json.loads(project.cli("slo", "--json"))["services"], 40)
    shown = project.cli("slo")
    assert "availability" in shown
    assert "errors" in shown
    (row,) = json.loads(project.cli("slo", "--json"))["services"]
    assert [each["reached"] for each in row["objectives"]][1] == 1.0


def test_the_past_is_that_of_one_service(project):
    project.write(
        "".join(f'[services.{name}]\ncommand = "sleep 600"\ngroup = "all"\n' for name in "ab")
    ).cli("start")
    transport = httpx.HTTPTransport(uds=str(project.status_socket()))
    with httpx.Client(transport=transport, base_url="http://x") as client:
        for word, status in (("a", 200), ("all", 400), ("c", 404), ("a&seconds=-1", 400)):
            assert client.get(f"/history?service={word}").status_code == status


@pytest.mark.parametrize(
    ("slo", "said"),
    [
        ("{}", "wanted `availability` or `errors`"),
        ('{ availability = "100%" }', 'wanted less than "100%"'),
        ('{ errors = "0%" }', 'wanted more than "0%"'),
        ('{ errors = "1%", window = "90d" }', "30 days"),
    ],
)
def test_what_cannot_be_held_is_named(project, slo, said):
    printed = project.service(more=f"slo = {slo}").cli("check", code=78)
    assert said in printed
    assert "services.api.slo" in printed


def test_without_objectives_it_says_so(project):
    project.service().cli("start")
    assert "no service has an `slo`" in project.cli("slo")
