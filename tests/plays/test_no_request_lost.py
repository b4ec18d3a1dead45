"""The promise: no client sees a worker die, a reload, a scale."""

import os
import signal

import helpers
import pytest
from load import failures, load, wait_for_answers
from project import APP, NODE

pytestmark = pytest.mark.timeout(240)
READERS = ("keep", "close", "slow")
ALL = (*READERS, "post")


@pytest.mark.parametrize("command", [APP, NODE])
@pytest.mark.parametrize("instances", [1, 3])
def test_killed_workers_cost_no_get(project, command, instances):
    project.service(command, more=f"instances = {instances}").cli("start")
    with load(project.listen, *READERS) as clients:
        for _ in range(5):
            wait_for_answers(clients, 3)
            os.kill(project.all_running(instances)[0]["pid"], signal.SIGKILL)
        wait_for_answers(clients, 3)
    assert failures(clients) == []


@pytest.mark.parametrize("command", [APP, NODE])
def test_a_rolling_reload_costs_nothing_posts_included(project, command):
    project.service(command).cli("start")
    before = project.pids()
    with load(project.listen, *ALL) as clients:
        for _ in range(3):
            wait_for_answers(clients, 3)
            project.cli("reload")
        wait_for_answers(clients, 3)
    assert failures(clients) == []
    after = project.pids()
    assert len(after) == 2
    assert not set(before) & set(after)


def test_scaling_costs_nothing(project):
    project.service(more="instances = 3").cli("start")
    with load(project.listen, *ALL) as clients:
        for wanted in ("5", "-3", "+1", "2"):
            wait_for_answers(clients, 3)
            project.cli("scale", "api", wanted)
        wait_for_answers(clients, 3)
    assert failures(clients) == []
    assert len(project.workers()) == 2


def test_restart_of_the_only_worker_makes_requests_wait(project):
    project.service(more="instances = 1").cli("start")
    with load(project.listen, *ALL) as clients:
        wait_for_answers(clients, 3)
        project.cli("restart")
        wait_for_answers(clients, 3)
    assert failures(clients) == []


def test_holes_in_the_port_range_are_filled_again(project):
    project.service(more="instances = 3").cli("start")
    ports = [project.port, project.port + 1, project.port + 2]
    assert [w["port"] for w in project.workers()] == ports
    project.cli("scale", "api", "1")
    project.cli("scale", "api", "3")
    assert [w["port"] for w in project.workers()] == ports


def test_kill_minus_nine_of_the_daemon_costs_nothing(project):
    project.service().cli("start")
    before = project.status()
    pids = project.pids()
    with load(project.listen, *ALL) as clients:
        wait_for_answers(clients, 3)
        os.kill(before["daemon"]["pid"], signal.SIGKILL)
        wait_for_answers(clients, 3)
        helpers.until(lambda: project.run("status").returncode == 0)
        after = project.status()
        assert project.pids() == pids
        assert [p["pid"] for p in after["proxies"]] == [p["pid"] for p in before["proxies"]]
        assert after["daemon"]["pid"] != before["daemon"]["pid"]
        os.kill(pids[0], signal.SIGKILL)
        helpers.until(lambda: pids[0] not in project.pids() and len(project.all_running(2)) == 2)
        wait_for_answers(clients, 3)
        project.cli("reload")
        wait_for_answers(clients, 3)
    # A POST whose bytes had reached the killed worker is told so; it is never sent twice.
    assert [f for f in failures(clients) if not (f.startswith("post: ValueError 502"))] == []
    assert "killed by SIGKILL" in project.cli("events")


def test_a_killed_proxy_is_replaced_and_the_port_stays_open(project):
    project.service().cli("start")
    (proxy,) = project.status()["proxies"]
    with load(project.listen, "close") as clients:
        wait_for_answers(clients, 5)
        os.kill(proxy["pid"], signal.SIGKILL)
        wait_for_answers(clients, 10)
    assert len(failures(clients)) <= 1  # the one that was in flight in it
    assert [p["pid"] for p in project.status()["proxies"]] != [proxy["pid"]]
