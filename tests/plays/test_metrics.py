"""Metrics of a real daemon: true after every death, and read by Prometheus itself."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import helpers
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"


def metrics(project):
    """Return all samples: {(name, label, ...): value}, labels as NAME=VALUE in their order."""
    return {
        (each.name, *(f"{name}={value}" for name, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(project.cli("metrics"))
        for each in family.samples
    }


def answered(project):
    return metrics(project).get(
        ("webqx_requests_total", "route=api:/", "service=api", "status=2xx"), 0
    )


def restarts(project, reason):
    found = metrics(project)
    return sum(
        value
        for key, value in found.items()
        if key[0] == "webqx_worker_restarts_total" and f"reason={reason}" in key
    )


def ask(project, times=1):
    for _ in range(times):
        assert httpx.get(project.url).status_code == 200


def replaced(project, pid):
    """Return once there is a proxy, and it is not the one of this pid."""

    def look():
        proxies = project.status()["proxies"]
        return proxies and all(proxy["pid"] != pid for proxy in proxies)

    helpers.until(look)


def test_nothing_that_was_counted_is_lost_whoever_dies(project):
    project.service(more='[daemon]\nproxies = 2\n[services.api.health]\npath = "/"').cli("start")
    ask(project, 5)
    helpers.until(lambda: answered(project) == 5)

    first, _ = (proxy["pid"] for proxy in project.status()["proxies"])
    os.kill(first, signal.SIGKILL)
    replaced(project, first)
    ask(project, 5)
    helpers.until(lambda: answered(project) == 10)

    os.kill(project.pids()[0], signal.SIGKILL)
    helpers.until(lambda: restarts(project, "signal") == 1)
    project.all_running(2)

    # The daemon and a proxy at once: it is the next daemon that finds what was counted.
    status = project.status()
    os.kill(status["daemon"]["pid"], signal.SIGKILL)
    os.kill(status["proxies"][0]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    replaced(project, status["proxies"][0]["pid"])
    ask(project, 5)
    helpers.until(lambda: answered(project) == 15)
    assert restarts(project, "signal") == 1

    project.cli("upgrade")
    project.cli("reload")
    ask(project, 5)
    helpers.until(lambda: answered(project) == 20)
    assert restarts(project, "reload") == 2
    helpers.until(lambda: _probes(project) > 0)


def _probes(project):
    found = metrics(project)
    return sum(value for key, value in found.items() if key[0] == "webqx_worker_probes_total")


def test_what_is_removed_is_shown_no_more_and_begins_anew(project):
    other = f'[services.other]\ncommand = "sleep 1000"\nport = {project.port + 8}\n'
    other += f"listen = {project.listen + 1}\n"
    project.service(more=other).cli("start", "api")
    ask(project)
    assert any("service=other" in key for key in metrics(project))
    project.service().cli("apply")
    assert not any("service=other" in key for key in metrics(project))
    assert answered(project) == 1


def test_every_worker_is_measured(project):
    project.service().cli("start")
    ask(project, 4)
    found = metrics(project)
    for worker in ("1", "2"):
        names = ("service=api", f"worker={worker}")
        assert found["webqx_worker_healthy", *names] == 1
        assert found["webqx_worker_resident_memory_bytes", *names] > 1_000_000
        assert found["webqx_worker_open_fds", *names] > 2
        assert found["webqx_worker_cpu_seconds_total", *names] > 0
        assert found["webqx_worker_requests_total", "service=api", "status=2xx", names[1]] == 2
    assert found["webqx_listener_accepted_total", "listener=api"] == 4
    assert found["webqx_proxy_uptime_seconds", "proxy=1"] > 0
    assert found["webqx_daemon_open_fds",] > 2


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is missing")
def test_promtool_finds_nothing_to_say(project):
    project.service(more='[services.api.health]\npath = "/"').cli("start")
    ask(project, 3)
    assert httpx.get(project.url + "/status/500").status_code
    helpers.until(lambda: _probes(project) > 0)
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=project.cli("metrics"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.fixture
def prometheus(project):
    """Give a real one that scrapes the project, which has a token; return its address."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is missing")
    port, door = project.listen + 2, project.listen + 3
    (project.folder / "token").write_text("secret\n")
    more = f'[daemon]\nmetrics = {{ bind = "0.0.0.0:{door}", token = "file:token" }}\n'
    project.service(more=more).cli("start")
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [
            {
                "job_name": "webqx-sv",
                "authorization": {"credentials_file": str(project.folder / "token")},
                "static_configs": [{"targets": [f"127.0.0.1:{door}"]}],
            }
        ],
    }
    file = project.folder / "prometheus.yml"
    file.write_text(json.dumps(config))  # which is YAML
    with (project.folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={project.folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def query(prometheus, text):
    """Return the result; None while it is starting."""
    try:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": text}).json()
    except (httpx.HTTPError, ValueError):
        return None
    assert answer["status"] == "success", (text, answer)
    return answer["data"]["result"]


def test_prometheus_scrapes_it_and_answers_every_question_of_the_dashboard(project, prometheus):
    ask(project, 3)
    route = 'webqx_requests_total{route="api:/",status="2xx",job="webqx-sv"}'

    def seen():
        found = query(prometheus, route)
        return found and float(found[0]["value"][1]) == 3

    helpers.until(seen, seconds=60)
    # A rate takes two looks.
    helpers.until(lambda: query(prometheus, "rate(webqx_requests_total[1m])"), seconds=60)
    assert httpx.get(f"http://127.0.0.1:{project.listen + 3}/metrics").status_code == 401
    names = {"$job": ".*", "$service": ".*", "$__rate_interval": "1m"}
    answered = 0
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"]
            for name, value in names.items():
                text = text.replace(name, value)
            answered += bool(query(prometheus, text))
    assert answered > 40


def test_a_wrong_address_changes_nothing(project):
    project.service(more=f"[daemon]\nmetrics = {project.listen + 3}\n").cli("start")
    before = httpx.get(f"http://127.0.0.1:{project.listen + 3}/metrics")
    assert before.status_code == 200
    project.service(more='[daemon]\nmetrics = "0.0.0.0:9100"\n')
    said = project.cli("apply", code=78)
    assert f"{project.file}:" in said
    assert "daemon.metrics.bind: 0.0.0.0:9100 can be reached from elsewhere" in said
    assert httpx.get(f"http://127.0.0.1:{project.listen + 3}/metrics").status_code == 200
    project.service().cli("apply")

    def is_closed():
        try:
            httpx.get(f"http://127.0.0.1:{project.listen + 3}/metrics")
        except httpx.ConnectError:
            return True
        return False

    helpers.until(is_closed)
