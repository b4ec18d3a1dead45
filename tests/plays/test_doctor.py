"""`doctor` beside a daemon that runs: what is its own is not in the way."""

import json

from project import APP


def problems(project, code=0):
    answer = json.loads(project.cli("doctor", "--json", code=code))
    return [each for each in answer["findings"] if each["level"] in ("warning", "problem")]


def test_what_the_daemon_has_itself_is_not_in_the_way(project):
    project.write(
        f"[services.api]\ncommand = '{APP}'\nport = {project.port}\ninstances = 2\n"
        f"[listeners.web]\nbind = {project.listen}\n"
        '[[routes]]\nlistener = "web"\nredirect = { to = "https://example.com/" }\n'
    )
    project.cli("start")
    project.all_running(2)
    topics = [each["topic"] for each in problems(project)]
    assert "ports" not in topics
    assert "daemon" not in topics


def test_a_daemon_that_does_not_follow_the_file(project):
    project.service()
    project.cli("start")
    project.service(more="instances = 1")
    (finding,) = [each for each in problems(project) if each["topic"] == "daemon"]
    assert finding["remedy"] == "webqx-sv apply"


def test_services_that_are_not_well(project):
    project.service(command="false", more="restart = { limit = 1, window = '60s' }")
    project.cli("start", code=1)
    answer = json.loads(project.run("doctor", "--json").stdout)
    texts = [each["text"] for each in answer["findings"] if each["topic"] == "services"]
    assert len(texts) == 1
    assert texts[0].startswith("api is ")
