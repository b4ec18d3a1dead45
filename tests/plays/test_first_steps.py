"""What a person does first: four lines, start, status, stop."""

import json
import signal
import subprocess

import helpers
import httpx
import psutil
import pytest
from project import APP, NODE, PYTHON

from webqx_supervisor.config.files import locate


def test_a_node_server_is_hosted_from_a_four_line_file(project):
    project.service(NODE)
    printed = project.cli("start")
    assert str(project.listen) in printed
    answer = httpx.get(project.url).json()
    assert answer["port"] in (project.port, project.port + 1)
    status = project.status()
    (service,) = status["services"]
    assert (service["name"], service["state"]) == ("api", "RUNNING")
    assert [w["port"] for w in service["workers"]] == [project.port, project.port + 1]
    assert answer["pid"] in [w["pid"] for w in service["workers"]]
    assert set(service["workers"][0]) >= {
        "instance",
        "pid",
        "port",
        "state",
        "healthy",
        "restarts",
        "uptime_s",
        "cpu_percent",
        "rss_bytes",
        "in_flight",
        "requests",
    }
    assert {"pid", "version", "uptime_s"} <= set(status["daemon"])
    assert {"pid", "connections"} <= set(status["proxies"][0])


def test_both_workers_answer_in_turn(project):
    project.service().cli("start")
    answered = [httpx.get(project.url).json()["pid"] for _ in range(6)]
    assert {pid: answered.count(pid) for pid in answered} == dict.fromkeys(project.pids(), 3)


def test_stop_ends_everything(project):
    project.service().cli("start")
    assert project.processes()
    project.cli("stop")
    assert project.processes() == []
    project.cli("status", code=3)
    with pytest.raises(httpx.ConnectError):
        httpx.get(project.url)


def test_a_second_start_starts_nothing_twice(project):
    project.service().cli("start")
    before = project.status()
    project.cli("start")
    after = project.status()
    assert after["daemon"]["pid"] == before["daemon"]["pid"]
    assert project.pids() == [w["pid"] for w in before["services"][0]["workers"]]


def test_two_starts_at_once_make_one_daemon(project):
    project.service()
    starts = [project.popen("start") for _ in range(3)]
    assert [start.wait(60) for start in starts] == [0, 0, 0], project.daemon_log()
    for start in starts:
        start.stdout.close()
    commands = project.commands().values()
    assert sum(words[3:4] == ["webqx_supervisor.daemon"] for words in commands) == 1
    assert len(project.workers()) == 2


def test_start_after_stop_works_again(project):
    project.service().cli("start")
    project.cli("stop")
    project.cli("start")
    assert httpx.get(project.url).status_code == 200


def test_one_service_is_stopped_and_started_while_the_other_runs(project):
    project.write(f"""
[services.a]
command = "{APP}"
port = {project.port}
[services.b]
command = "{APP}"
port = {project.port + 1}
listen = {project.listen}
""").cli("start")
    (other,) = project.pids("b")
    project.cli("stop", "a")
    assert project.workers("a") == []
    assert project.pids("b") == [other]
    project.cli("start", "a")
    assert [w["state"] for w in project.workers("a")] == ["RUNNING"]
    assert project.pids("b") == [other]


def test_start_of_one_service_leaves_the_others_stopped(project):
    project.write(f"""
[services.a]
command = "{APP}"
port = {project.port}
[services.b]
command = "{APP}"
port = {project.port + 1}
""").cli("start", "b")
    states = {s["name"]: s["state"] for s in project.status()["services"]}
    assert states == {"a": "STOPPED", "b": "RUNNING"}


def test_verbs_name_what_is_not_there(project):
    project.service()
    assert "not running" in project.cli("reload", code=3)
    project.cli("start")
    assert "'apo'" in project.cli("restart", "apo", code=4)


def test_port_service_and_instance_are_filled_in(project):
    (project.folder / "s.py").write_text(SHOWS_ITS_WORDS)
    project.service(f"{PYTHON} s.py {{port}} {{instance}}", ME="{service}-{instance}").cli("start")
    wanted = f"args ['{project.port + 1}', '2'] api-2"
    helpers.until(lambda: wanted in project.cli("logs", "api:2"))


SHOWS_ITS_WORDS = """
import http.server, os, sys
print("args", sys.argv[1:], os.environ["ME"], flush=True)
address = ("127.0.0.1", int(sys.argv[1]))
http.server.HTTPServer(address, http.server.BaseHTTPRequestHandler).serve_forever()
"""


def test_a_service_without_a_port_runs_too(project):
    project.write('[services.bot]\ncommand = "sleep 600"\n').cli("start")
    (worker,) = project.workers("bot")
    assert (worker["state"], worker["port"]) == ("RUNNING", None)


def test_instances_max_gives_one_worker_a_core(project):
    project.service(more='instances = "max"').cli("start")
    assert len(project.workers()) == psutil.cpu_count()


def test_another_project_on_the_same_machine_has_its_own_daemon(project, tmp_path_factory):
    from project import Project

    other = Project(tmp_path_factory.mktemp("other"))
    try:
        project.service().cli("start")
        other.service().cli("start")
        assert project.status()["daemon"]["pid"] != other.status()["daemon"]["pid"]
        project.cli("stop")
        assert httpx.get(other.url).status_code == 200
    finally:
        other.clean_up()


def test_the_whole_tree_of_a_stopped_worker_is_gone(project):
    project.service(more='stop = { grace = "200ms" }', CHILD="1").cli("start")
    log = helpers.until(
        lambda: (text := project.cli("logs", "api:1")) and "grandchild" in text and text
    )
    grandchild = int(next(line for line in log.splitlines() if "grandchild" in line).split()[-1])
    assert helpers.is_running(grandchild)
    project.cli("stop", "api")
    assert not helpers.is_running(grandchild)


def test_sigterm_to_the_daemon_stops_everything(project):
    project.service().cli("start")
    psutil.Process(project.status()["daemon"]["pid"]).send_signal(signal.SIGTERM)
    helpers.until(lambda: not project.processes())


def test_json_stands_alone_on_stdout(project):
    project.service()
    json.loads(project.cli("start", "--json"))
    json.loads(project.cli("status", "--json"))
    json.loads(project.cli("reload", "--json"))
    json.loads(project.cli("describe", "api", "--json"))


def test_foreground_runs_until_a_signal(project):
    project.service()
    running = project.popen("start", "--foreground")
    try:
        helpers.until(lambda: project.run("status").returncode == 0)
        project.all_running(2)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        assert project.processes() == []
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def test_curl_speaks_to_the_control_socket(project, monkeypatch):
    project.service().cli("start")
    monkeypatch.setenv("WEBQX_SV_HOME", str(project.home))
    socket = locate(project.file).socket
    printed = subprocess.run(
        ["curl", "-s", "--unix-socket", str(socket), "http://x/status"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert json.loads(printed)["services"][0]["name"] == "api"
    assert socket.stat().st_mode & 0o777 == 0o600
