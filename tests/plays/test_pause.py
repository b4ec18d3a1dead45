"""pause and resume, as a person types them."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import helpers
import httpx


def test_a_paused_service_answers_503_until_it_is_resumed(project):
    project.service().cli("start")
    said = project.cli("pause", "api", "--retry-after", "2m", "--reason", "moving house")
    assert said == "paused api; `webqx-sv resume api` ends it\n"
    answer = httpx.get(project.url)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
    assert "moving house" in answer.text
    assert [each["name"] for each in project.status()["paused"]] == ["api"]
    assert "paused  api: requests get 503" in project.cli("status")
    assert project.cli("resume", "api") == "resumed api\n"
    assert httpx.get(project.url).status_code == 200
    assert project.cli("resume", "api") == "api was not paused\n"


def test_held_requests_are_served_after_the_pause_also_by_the_next_daemon(project):
    project.service().cli("start")
    project.cli("pause", "api", "--hold", "60s")
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(httpx.post, project.url, content=b"x", timeout=60) for _ in range(4)]
        connected = lambda: project.status()["proxies"][0]["connections"] == 4  # noqa: E731
        helpers.until(connected)
        daemon = project.status()["daemon"]["pid"]
        os.kill(daemon, signal.SIGKILL)
        helpers.until(lambda: project.run("status").returncode == 0)
        assert project.status()["daemon"]["pid"] != daemon
        assert project.status()["paused"][0]["hold"] == 60.0
        assert not any(each.done() for each in waiting)
        project.cli("resume", "api")
        assert [each.result().status_code for each in waiting] == [200] * 4


def test_what_cannot_be_paused_is_named(project):
    project.service().cli("start")
    assert "no route or service 'apu'" in project.cli("pause", "apu", code=4)
    assert "there is: api" in project.cli("resume", "apu", code=4)
    assert "wanted a duration" in project.cli("pause", "api", "--hold", "soon", code=2)


def test_a_route_is_paused_by_its_name(project):
    web = project.listen + 1
    project.service(
        more=f'[listeners.web]\nbind = {web}\n[[routes]]\nlistener = "web"\nservice = "api"\n'
        'name = "public"\n'
    ).cli("start")
    answer = json.loads(project.cli("pause", "public", "--json"))
    assert answer["name"] == "public"
    assert httpx.get(f"http://127.0.0.1:{web}").status_code == 503
    assert httpx.get(project.url).status_code == 200
