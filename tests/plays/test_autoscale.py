"""As many workers as the load asks for: up and down under load, and from nothing."""

import json
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import helpers
import httpx
import psutil
import pytest
from load import failures, load, wait_for_answers
from project import APP, PYTHON
from websockets.sync.client import connect

SLEEPER = 'autoscale = { min = 0, max = 1, idle = "1s" }'


def service(project, name="api"):
    return next(each for each in project.status()["services"] if each["name"] == name)


def names_of_states(project):
    return [worker["state"] for worker in project.workers()]


def running(project, count):
    """Return once so many run, whatever drains beside them."""

    def look():
        states = names_of_states(project)
        return states.count("RUNNING") == count and service(project)["instances"] == count

    return helpers.until(look, 40)


def asleep(project):
    helpers.until(lambda: service(project)["state"] == "ASLEEP" and not project.workers())


def test_workers_come_with_the_load_and_leave_after_it_and_no_request_is_lost(project):
    more = 'autoscale = { max = 3, target_in_flight = 2, cooldown = "2s" }\n'
    more += "forward = { max_in_flight = 2 }"
    project.service(more=f"{more}\ninstances = 1").cli("start")
    # Two clients never have more than two requests in flight: in the end one worker is enough.
    with load(project.listen, "close", "post") as steady:
        with load(project.listen, *["slow"] * 6, rate=1000) as heavy:
            running(project, 3)
            wait_for_answers([*steady, *heavy], 5)
        running(project, 1)
        wait_for_answers(steady, 20)
    assert failures([*steady, *heavy]) == []
    events = project.cli("events")
    assert "autoscale  from 1 to " in events
    assert "in flight, target 2 each" in events
    assert re.search(r" waiting, the first for \d+\.\d s", events)
    assert "for 2s at most " in events
    told = service(project)["autoscale"]
    assert (told["min"], told["max"], told["held"]) == (1, 3, "")
    assert told["decided"].endswith("target 2 each")
    assert "scales  api: 1 to 3 workers" in project.cli("status")
    assert "scales  api: 1 to 3 workers" in project.cli("describe", "api")


def test_who_sleeps_is_well_wherever_one_looks(project):
    alerts = '[[alerts.rules]]\non = "down"\nfor = "0s"\n[alerts.to.x]\ncommand = "true"'
    project.service(more=f"instances = 0\n{SLEEPER}\n{alerts}").cli("start")
    asleep(project)
    transport = httpx.HTTPTransport(uds=str(project.status_socket()))
    with httpx.Client(transport=transport, base_url="http://x") as client:
        look = lambda: client.get("/history?service=api").json()["points"]  # noqa: E731
        point = helpers.until(look, 40)[-1]
    assert point["up_s"] == point["due_s"] > 0, "a request finds it"
    assert json.loads(project.cli("alerts", "--json"))["alarms"] == []
    assert service(project)["well"]
    (row,) = json.loads(project.cli("ps", "--json"))["daemons"]
    assert (row["up"], row["total"]) == (1, 1)


def test_a_sleeper_is_woken_by_a_request_of_any_kind(project):
    project.service(more=f"instances = 1\n{SLEEPER}").cli("start")
    assert httpx.get(project.url).status_code == 200
    asleep(project)
    project.cli("status")
    assert service(project)["state"] == "ASLEEP"  # nobody is woken by being looked at
    assert httpx.get(project.url).json()["pid"]
    asleep(project)
    curl = ["curl", "-sf", "-d", "x" * 100_000, f"{project.url}/echo"]
    assert json.loads(subprocess.run(curl, capture_output=True, check=True).stdout)["pid"]
    with httpx.Client() as client:  # its connection outlives the worker
        assert client.get(project.url).status_code == 200
        asleep(project)
        assert client.post(project.url, content=b"x" * 1000).status_code == 200
    asleep(project)
    with connect(f"ws://127.0.0.1:{project.listen}/ws") as tunnel:
        tunnel.send("good morning")
        assert tunnel.recv(10) == "good morning"
        # Who is connected keeps it awake, however silent, for twice `idle`.
        helpers.until(lambda: project.workers()[0]["uptime_s"] > 3)
        tunnel.send("still there")
        assert tunnel.recv(10) == "still there"
    asleep(project)
    events = project.cli("events")
    assert "autoscale  from 0 to 1: a request waits" in events
    assert "autoscale  from 1 to 0: no request for 1s" in events


@pytest.mark.parametrize("proxies", [1, 2])
def test_requests_that_come_while_it_wakes_wait_together(project, proxies):
    more = f"instances = 0\n{SLEEPER}\n[daemon]\nproxies = {proxies}"
    project.service(more=more).cli("start")
    asleep(project)
    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(lambda _: httpx.get(project.url), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["pid"] for answer in answers}) == 1


def test_a_request_that_comes_while_the_daemon_is_down_wakes_the_sleeper_when_it_is_back(project):
    project.service(more=f"instances = 0\n{SLEEPER}").cli("start")
    managers = project.status()["daemon"]
    os.kill(managers["keeper_pid"], signal.SIGSTOP)
    os.kill(managers["pid"], signal.SIGKILL)
    try:
        helpers.until(lambda: not helpers.is_running(managers["pid"]))
        with ThreadPoolExecutor(1) as client:
            answer = client.submit(httpx.get, project.url, timeout=30)
            connected(project.listen)
            os.kill(managers["keeper_pid"], signal.SIGCONT)
            assert answer.result().status_code == 200
    finally:
        os.kill(managers["keeper_pid"], signal.SIGCONT)
    asleep(project)


def connected(port):
    """Return once a client is connected there."""
    helpers.until(
        lambda: any(
            each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED
            for each in psutil.net_connections("tcp4")
        )
    )


def test_the_number_outlives_the_daemon_and_an_upgrade(project):
    more = 'autoscale = { min = 0, max = 3, target_in_flight = 8, cooldown = "1h", idle = "1h" }'
    project.service(more=f"instances = 1\n{more}").cli("start")
    project.cli("scale", "api", "2")
    pids = {worker["pid"] for worker in project.all_running(2)}
    for number in (2, 0):
        project.cli("scale", "api", str(number))
        os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
        helpers.until(lambda: project.run("status").returncode == 0)
        helpers.until(lambda n=number: len(project.workers()) == n)
        assert service(project)["instances"] == number
        assert set(project.pids()) == (pids if number else set())
        project.cli("upgrade")
        assert service(project)["instances"] == number
        assert set(project.pids()) == (pids if number else set())
    assert service(project)["state"] == "ASLEEP"
    assert httpx.get(project.url).status_code == 200


def test_one_that_crashes_while_it_wakes_is_no_sleeper_and_answers_503(project):
    more = f'instances = 0\n{SLEEPER}\nrestart = {{ limit = 2, first_delay = "50ms" }}'
    project.service(more=more, BROKEN="crash").cli("start")
    answer = httpx.get(project.url, timeout=30)
    assert answer.status_code == 503
    helpers.until(lambda: service(project)["state"] == "FATAL")
    assert httpx.get(project.url).status_code == 503
    assert "cannot open the database" in project.cli("why", "api:1")


def test_a_sleeper_behind_tcp_wakes_for_a_connection(project):
    project.service(more=f"instances = 0\n{SLEEPER}")
    text = project.file.read_text().replace(
        f"listen = {project.listen}",
        f'listen = {{ bind = "127.0.0.1:{project.listen}", protocol = "tcp" }}',
    )
    project.write(text).cli("start")
    for _ in range(2):
        asleep(project)
        assert httpx.get(project.url).status_code == 200


def test_by_hand_and_by_the_file(project):
    more = 'autoscale = { min = 0, max = 3, target_in_flight = 8, cooldown = "1h", idle = "1h" }'
    project.service(more=f"instances = 0\n{more}").cli("start")
    assert service(project)["state"] == "ASLEEP"
    assert "0 to 3 workers" in project.cli("scale", "api", "4", code=2)
    project.cli("scale", "api", "2")
    project.all_running(2)
    higher = "autoscale = { min = 3, max = 4, target_in_flight = 8 }\ninstances = 3"
    assert "api: retuned" in project.service(more=higher).cli("apply")
    project.all_running(3)
    assert "autoscale  from 2 to 3: min is 3" in project.cli("events")


def test_without_autoscale_there_are_as_many_as_the_file_says_again(project):
    project.service(more=f"instances = 0\n{SLEEPER}").cli("start")
    project.service().cli("apply")
    project.all_running(2)


def test_who_needs_a_sleeper_need_not_wait_for_it(project):
    project.service(more=f"instances = 0\n{SLEEPER}")
    project.write(f"""{project.file.read_text()}
[services.front]
command = "{APP}"
port = {project.port + 2}
depends_on = {{ api = "healthy" }}
""").cli("start")
    project.all_running(1, "front")
    assert service(project)["state"] == "ASLEEP"
    project.cli("start", "api")
    assert "api:1  ready" in project.cli("events")


def test_a_sleeper_is_stopped_and_started_by_hand(project):
    project.service(more=f"instances = 1\n{SLEEPER}").cli("start")
    asleep(project)
    project.cli("stop", "api")
    assert service(project)["state"] == "STOPPED"
    assert httpx.get(project.url).status_code == 503
    woken = project.cli("events").count("api:1  ready")
    project.cli("start", "api")
    assert project.cli("events").count("api:1  ready") == woken + 1
    asleep(project)


def test_workers_that_burn_cpu_get_company(project):
    burn = f"{PYTHON} -c 'while True: pass'"
    project.write(f"""
[services.burner]
command = {json.dumps(burn)}
autoscale = {{ max = 2, target_cpu = "10%" }}
""").cli("start")
    helpers.until(lambda: service(project, "burner")["instances"] == 2, 60)
    project.all_running(2, "burner")
    assert "% CPU, target 10% each" in project.cli("events")
