"""When something does break: the evidence, and the request that breaks worker after worker."""

import json
import os
import signal

import helpers
import httpx
import pytest
from load import load, wait_for_answers

pytestmark = pytest.mark.timeout(120)


def deaths(project, worker="api"):
    return json.loads(project.cli("why", worker, "--json"))["deaths"]


def test_a_request_that_kills_worker_after_worker_is_refused_and_nobody_else_suffers(project):
    project.service(more="instances = 3").cli("start")
    with load(project.listen, "keep", "close", "slow") as clients:
        wait_for_answers(clients, 3)
        refused = httpx.get(f"{project.url}/exit7")
        assert refused.status_code == 500
        assert "webqx-sv why api" in refused.text
        project.all_running(3)
        before = project.pids()
        assert httpx.get(f"{project.url}/exit7").status_code == 500  # no worker got it
        assert project.pids() == before
        wait_for_answers(clients, 3)
    assert [client.failures for client in clients] == [[], [], []]
    told = helpers.until(lambda: len(found := deaths(project)) == 3 and found)
    assert all("exited 7" in death["text"] for death in told)
    request_id = refused.text.split()[-1]
    for death in told:
        lost = {request["request_id"]: request for request in death["requests"]}
        assert (lost[request_id]["method"], lost[request_id]["target"]) == ("GET", "/exit7")
    assert "GET /exit7 is refused until" in project.cli("why", "api")


def test_a_request_that_only_witnesses_deaths_is_not_refused(project):
    often = "restart = { healthy_after = '100ms', limit = 1000 }"
    project.service(more=f"instances = 2\n{often}").cli("start")
    with load(project.listen, "slow") as (client,):
        for _ in range(5):
            wait_for_answers([client], 1)
            os.kill(project.all_running(2)[0]["pid"], signal.SIGABRT)
        wait_for_answers([client], 3)
    assert client.failures == []


def test_why_tells_of_the_last_words_and_of_what_was_asked_for(project):
    project.service(more="instances = 1").cli("start")
    httpx.get(f"{project.url}/say/farewell")
    project.cli("reload")
    httpx.get(f"{project.url}/say/goodbye")
    os.kill(project.pids()[0], signal.SIGSEGV)
    (death,) = helpers.until(lambda: [each for each in deaths(project) if each["last_lines"]])
    assert death["last_lines"][-1] == "goodbye"
    assert death["changes"][-1] == "api reload"
    assert "killed by SIGSEGV" in project.cli("why", "api:1")


def test_why_outlives_the_daemon_and_covers_its_absence(project):
    project.service(more="instances = 1").cli("start")
    os.kill(project.pids()[0], signal.SIGABRT)
    helpers.until(lambda: deaths(project))
    before = project.status()["daemon"]["pid"]
    kept = project.state_dir() / "deaths.json"
    helpers.until(lambda: kept.exists() and "SIGABRT" in kept.read_text())
    (worker,) = project.all_running(1)
    os.kill(before, signal.SIGSTOP)  # it learns nothing any more
    os.kill(worker["pid"], signal.SIGSEGV)
    helpers.until(lambda: not helpers.is_running(worker["pid"]))
    os.kill(before, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0 and len(deaths(project)) == 2)
    assert "while the daemon was away" in deaths(project)[1]["text"]


def test_a_service_that_is_not_there_is_said_so(project):
    project.service().cli("start")
    assert "no service 'nix'" in project.cli("why", "nix", code=4)
    assert "no death is on record" in project.cli("why", "api")
    assert "has no worker 9" in project.cli("why", "api:9", code=4)
    assert "write it as api:1" in project.cli("why", "api:x", code=2)
